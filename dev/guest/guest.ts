import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../cluster/files.ts";
import type { Progress } from "../cluster/progress.ts";
import { preparation } from "../demo/commands.ts";
import { type Demo, type DemoOptions, governDesk, startTwoReplicas } from "../demo/demo.ts";
import { DemoError } from "../demo/errors.ts";
import { keepLogs } from "../demo/logs.ts";
import { type Cast, gatherCast, type Person, people } from "../demo/people.ts";
import type { Place } from "../demo/place.ts";
import { playedDesk } from "../demo/played-desk.ts";
import type { Replica } from "../demo/replica.ts";
import { assertAgreed } from "./ask.ts";
import { folderOf } from "./folder.ts";
import { type Host, type HostOptions, openHost } from "./host.ts";
import { awaitAdmission, createAll, make, operatorKubeconfig, tokenOf } from "./making.ts";
import { type Run, removeCommand, sleepingPod, workloadObjects } from "./manifests.ts";
import { describePlan, isOurs, type Plan, planDemo } from "./plan.ts";
import { removeApi, removeDesk } from "./removal.ts";

/** Settings of {@link openGuest}. */
export type GuestOptions = HostOptions & {
	/** What the workloads run; it needs sh and sleep. */
	readonly image: string;
	/** The person agreed on the command line. */
	readonly agreed: boolean;
};

const NOTHING_LEFT = "What was made on the cluster is removed";
/** Real pods are fetched, started, and take their time to end. */
const PATIENCE_MILLISECONDS = 300_000;

/**
 * The demo in namespaces of its own on the cluster of a person, who is asked before anything is made. Everything
 * made is removed when it ends, and when it fails.
 * @throws GuestError; DemoError `SetupFailed`, `ReplicaFailed`; the reason of `signal`
 */
export async function openGuest(guest: GuestOptions, options: DemoOptions): Promise<Demo> {
	const { progress, signal } = options;
	const host = await openHost(guest);
	try {
		progress.report("Looking at the cluster");
		const plan = await planDemo(host, signal);
		const lines = await describePlan(host, plan, guest.image);
		progress.finish();
		for (const line of lines) console.error(line);
		if (!guest.agreed) await assertAgreed("Go on?", signal);
		return await openPlanned(host, plan, guest, options);
	} catch (error) {
		progress.finish();
		await host.close();
		throw error;
	}
}

async function openPlanned(
	host: Host,
	plan: Plan,
	{ image, file, context }: GuestOptions,
	options: DemoOptions,
): Promise<Demo> {
	const { progress, signal } = options;
	const { run, operatorNamespace } = plan;
	const which = [file ?? "", context === undefined ? "" : `--context ${context}`];
	const again = [removeCommand, ...which].filter((word) => word !== "").join(" ");
	const dir = folderOf(run);
	const logs = join(dir, "logs");
	mkdirSync(dir, { mode: 0o700 });
	mkdirSync(logs);
	const place: Place = {
		admin: host.client,
		plan: playedDesk,
		namespace: run.namespace,
		operatorNamespace,
		podSpec: () => sleepingPod(image),
		patienceMilliseconds: PATIENCE_MILLISECONDS,
	};
	const replicas: Replica[] = [];
	let cast: Cast | undefined;
	let stopped: Promise<string> | undefined;
	const end = async () => {
		try {
			await Promise.all(replicas.map((replica) => replica.stop()));
			await cast?.close();
			return await remove(host, plan, progress);
		} finally {
			await host.close();
			rmSync(dir, { recursive: true, force: true });
		}
	};
	const stop = () => {
		stopped ??= end();
		return stopped;
	};
	const startReplicas = (kubeconfig: string) => () => {
		const args = ["--namespace", run.namespace, "--operator-namespace", run.operatorNamespace];
		replicas.push(...startTwoReplicas(kubeconfig, logs, () => args, options.onReplicaDied));
		return replicas;
	};
	try {
		progress.report("Making namespaces, accounts and what is not there of the API");
		await make(host.client, plan, signal);
		progress.report("Waiting until the policies let pods in");
		await awaitAdmission(place, signal);
		await createAll(host.client, workloadObjects(run, image), signal);
		cast = await gatherPeople(host, run, dir);
		const kubeconfig = join(dir, "operator");
		if (plan.ownOperator) {
			writeAtomically(kubeconfig, await operatorKubeconfig(host.client, host.cluster, run));
		}
		await governDesk(place, cast, plan.ownOperator ? startReplicas(kubeconfig) : () => [], options);
		return {
			...place,
			cast,
			replicas,
			logs,
			preparation: preparation(cast.kubeconfig),
			ending: `Ending the operator and removing what was made (Ctrl-C leaves the rest; ${again} takes it away)`,
			stop,
		};
	} catch (error) {
		progress.finish();
		const kept = error instanceof DemoError && !signal.aborted ? keepLogs(logs) : undefined;
		const left = await stop();
		if (left !== NOTHING_LEFT) console.error(left);
		if (kept === undefined || !(error instanceof DemoError)) throw error;
		throw new DemoError(error.code, `${error.message}\nThe logs are kept in ${kept}`, { cause: error });
	}
}

async function remove(
	{ client }: Host,
	{ run, api, ownOperator }: Plan,
	progress: Progress,
): Promise<string> {
	try {
		progress.report(`Removing ${run.namespace} and what belongs to it`);
		await removeDesk(client, run.id, ownOperator);
		if (!isOurs(api)) return NOTHING_LEFT;
		progress.report("Removing the API");
		return (await removeApi(client)) ?? NOTHING_LEFT;
	} finally {
		progress.finish();
	}
}

/** Gives every person a token, all in one kubeconfig. */
async function gatherPeople({ client, cluster }: Host, run: Run, dir: string): Promise<Cast> {
	const users: { [K in Person]?: object } = {};
	for (const name of people) users[name] = { token: await tokenOf(client, run.namespace, name) };
	const login = {
		cluster,
		users: users as Readonly<Record<Person, object>>,
		user: (person: Person) => `system:serviceaccount:${run.namespace}:${person}`,
	};
	return gatherCast(join(dir, "people"), login, { namespace: run.namespace });
}
