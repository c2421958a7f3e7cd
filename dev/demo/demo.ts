import { join } from "node:path";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { apiGroup, apiVersion, deskName } from "../../crds/vocabulary.ts";
import { Client } from "../../kube/client.ts";
import { connect, loadKubeConfig } from "../../kube/connection.ts";
import { pathOf } from "../../kube/paths.ts";
import { type Cluster, startCluster } from "../cluster/cluster.ts";
import { waitFor } from "../cluster/deadline.ts";
import type { ClusterError } from "../cluster/errors.ts";
import { clusterFiles } from "../cluster/files.ts";
import type { Progress } from "../cluster/progress.ts";
import { installApi } from "../install.ts";
import { deskNamespace, deskObject } from "./desk.ts";
import { DemoError } from "./errors.ts";
import { awaitWorkloads, installDesk } from "./install.ts";
import { keepLogs } from "./logs.ts";
import { type Cast, gatherCast } from "./people.ts";
import { type Replica, startReplica } from "./replica.ts";

/** Settings of {@link openDemo}. */
export type DemoOptions = {
	readonly progress: Progress;
	/** Ends the start, with nothing left. */
	readonly signal: AbortSignal;
	/** Told when the cluster ended by itself. */
	readonly onLost: (error: ClusterError) => void;
	/** Told when a replica ended by itself; it is started again. */
	readonly onReplicaDied: (replica: string, how: string) => void;
};

/** A running demo: a cluster, a desk in Normal, and two replicas of the operator. */
export type Demo = {
	readonly cluster: Cluster;
	/** Reads as the administrator. */
	readonly admin: Client;
	readonly cast: Cast;
	readonly replicas: readonly Replica[];
	/** Ends everything; safe to call twice. */
	readonly stop: () => Promise<void>;
};

/** Path of the TradingSafety of the demo. */
export const deskPath = pathOf({
	group: apiGroup,
	version: apiVersion,
	resource: "tradingsafeties",
	namespace: deskNamespace,
	name: deskName,
});

/** Much is asked in little time, and only of a server on this machine. */
const limits = { perSecond: 1_000, burst: 1_000, normalInFlight: 64 };

/**
 * Starts everything, from the cluster up to a desk that is open. Leaves nothing when it fails.
 * @throws DemoError `SetupFailed`, `ReplicaFailed`; ClusterError; the reason of `signal`
 */
export async function openDemo(options: DemoOptions): Promise<Demo> {
	const { progress, signal, onLost } = options;
	const cluster = await startCluster({ progress, signal, onLost });
	const admin = new Client(await connect(loadKubeConfig(cluster.kubeconfig)), { limits });
	const replicas: Replica[] = [];
	const stop = async () => {
		await Promise.all(replicas.map((replica) => replica.stop()));
		await admin.close();
		await cluster.stop();
	};
	try {
		progress.report("Installing the API, its policies and its roles");
		await installApi(cluster);
		signal.throwIfAborted();
		progress.report("Starting a desk of simulated workloads");
		await installDesk(cluster);
		const cast = await gatherCast(cluster);
		await awaitWorkloads(
			admin,
			(howFar) => progress.report("Starting a desk of simulated workloads", howFar),
			signal,
		);
		progress.report("Putting the desk under a TradingSafety, which begins in Pause");
		await createDesk(cast, signal);
		progress.report("Starting two replicas of the operator");
		replicas.push(...(await startReplicas(cluster, options)));
		await Promise.all(replicas.map((replica) => replica.governing()));
		await openDesk(admin, cast, progress, signal);
		progress.finish();
		return { cluster, admin, cast, replicas, stop };
	} catch (error) {
		progress.finish();
		const kept = error instanceof DemoError && !signal.aborted ? keepLogs(cluster.dir) : undefined;
		await stop();
		if (kept === undefined || !(error instanceof DemoError)) throw error;
		throw new DemoError(error.code, `${error.message}\nThe logs are kept in ${kept}`, { cause: error });
	}
}

async function startReplicas(cluster: Cluster, { onReplicaDied }: DemoOptions): Promise<readonly Replica[]> {
	const account = { namespace: operatorNamespace, name: operatorAccount };
	const kubeconfig = await cluster.kubeconfigForServiceAccount(account);
	return ["a", "b"].map((name) =>
		startReplica({
			name,
			kubeconfig,
			log: join(clusterFiles(cluster.dir).logs, `operator-${name}.log`),
			onDied: (how) => onReplicaDied(name, how),
		}),
	);
}

/** Created by the person who configures. Their rights, just bound, may take a moment to be known. */
async function createDesk(cast: Cast, signal: AbortSignal): Promise<void> {
	let answer = "";
	const created = async () => {
		const { code, stderr } = await cast.kubectl("lee-resets", ["create", "-f", "-"], {
			input: JSON.stringify(deskObject),
		});
		answer = stderr.trim();
		return code === 0;
	};
	await patiently("the TradingSafety can be created", created, () => answer, signal);
}

/** The first lowering of the demo, in order: the desk was stopped completely, is cleared, and is let go. */
async function openDesk(admin: Client, cast: Cast, progress: Progress, signal: AbortSignal): Promise<void> {
	progress.report("Waiting until the halted desk is confirmed stopped and cleared");
	let answer = "not cleared yet";
	const cleared = async () => {
		const { metadata, status } = await admin.get<TradingSafety>(deskPath);
		answer = status?.holds?.[0]?.message ?? "not cleared yet";
		return status?.clearance?.generation === metadata.generation;
	};
	await patiently("the desk is cleared", cleared, () => answer, signal);
	const what = "Lowering the desk to Normal, as lee-resets";
	progress.report(what);
	const lowered = async () => {
		const { code, stderr } = await cast.patch("lee-resets", { mode: "Normal", reason: "the desk opens" });
		answer = stderr.trim();
		return code === 0;
	};
	await patiently("the desk is lowered to Normal", lowered, () => answer, signal);
	await awaitWorkloads(admin, (howFar) => progress.report(what, howFar), signal);
	const settled = async () => {
		const { metadata, status } = await admin.get<TradingSafety>(deskPath);
		const confirmed = status?.conditions?.find(({ type }) => type === "Confirmed");
		answer = confirmed?.message ?? "no condition Confirmed";
		return confirmed?.status === "True" && confirmed.observedGeneration === metadata.generation;
	};
	await patiently("Normal is confirmed", settled, () => answer, signal);
}

/** Waits, and says what stood in the way when that was in vain. */
async function patiently(
	description: string,
	condition: () => Promise<boolean>,
	answer: () => string,
	signal: AbortSignal,
): Promise<void> {
	try {
		await waitFor(description, condition, {
			timeoutMilliseconds: 60_000,
			assertPossible: () => signal.throwIfAborted(),
		});
	} catch (cause) {
		signal.throwIfAborted();
		throw new DemoError("SetupFailed", `waited in vain until ${description}: ${answer()}`, { cause });
	}
}
