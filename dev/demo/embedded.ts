import { readFileSync } from "node:fs";
import { join } from "node:path";
import { estopAccount, operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import type { ClusterAccess } from "../cluster/access.ts";
import { startCluster } from "../cluster/cluster.ts";
import { clusterFiles } from "../cluster/files.ts";
import { kubectl } from "../cluster/kubectl.ts";
import { installApi } from "../install.ts";
import { ensureVersitygw } from "../stores/versitygw.ts";
import { type DemoButton, startButton } from "./button.ts";
import { preparation } from "./commands.ts";
import { type Demo, type DemoOptions, governDesk, limits, startTwoReplicas } from "./demo.ts";
import { namespaceObject, simulatedPod, workloadObject } from "./desk.ts";
import { DemoError } from "./errors.ts";
import { type Floor, openFloor } from "./floor.ts";
import { keepLogs } from "./logs.ts";
import { type Cast, gatherCast, type Person, people, roleBindings } from "./people.ts";
import type { Place } from "./place.ts";
import { type DemoRecord, startRecord } from "./record.ts";
import type { Replica } from "./replica.ts";
import { tradingDesk } from "./trading-desk.ts";

/** Who writes to the record: the replicas of the operator, and the sidecar of the button. */
const writers = ["a", "b", "button"];

/**
 * The demo on a cluster of its own, which is started for it and ends with it.
 * @throws DemoError `SetupFailed`, `ReplicaFailed`; ClusterError; the reason of `signal`
 */
export async function openEmbedded(options: DemoOptions): Promise<Demo> {
	const { progress, signal, onLost } = options;
	const cluster = await startCluster({ progress, signal, onLost });
	const admin = new Client(await connect(loadKubeConfig(cluster.kubeconfig)), { limits });
	const place: Place = {
		admin,
		plan: tradingDesk,
		namespace: "fx-desk",
		operatorNamespace,
		podSpec: simulatedPod,
		patienceMilliseconds: 30_000,
	};
	const { logs, guests } = clusterFiles(cluster.dir);
	const replicas: Replica[] = [];
	let floor: Floor | undefined;
	let button: DemoButton | undefined;
	let cast: Cast | undefined;
	let record: DemoRecord | undefined;
	const stop = async () => {
		await Promise.all([button?.stop(), ...replicas.map((replica) => replica.stop())]);
		await floor?.stop();
		await record?.stop();
		await cast?.close();
		await admin.close();
		await cluster.stop();
		return "Nothing is left running";
	};
	try {
		await ensureVersitygw({ progress, signal });
		progress.report("Starting an object store and the trail in it");
		const recording = await startRecord({
			...{ dir: join(guests, "record"), logs, writers, onDied: options.onRecordDied },
		});
		record = recording;
		progress.report("Installing the API, its policies and its roles");
		await installApi(cluster);
		signal.throwIfAborted();
		progress.report("Starting a desk of workloads");
		await installDesk(cluster, place);
		floor = await openFloor({
			...{ place, dir: guests, logs, onLost },
			onBotDied: options.onBotDied,
		});
		const { addressBook } = floor;
		cast = await gatherPeople(cluster, place);
		const account = { namespace: operatorNamespace, name: operatorAccount };
		const kubeconfig = await cluster.kubeconfigForServiceAccount(account);
		const startReplicas = () => {
			replicas.push(
				...startTwoReplicas(kubeconfig, logs, recording.argsOf, options.onReplicaDied, addressBook),
			);
			return replicas;
		};
		button = startButton({
			...{ logs, addressBook, onDied: options.onButtonDied, args: recording.argsOf("button") },
			kubeconfig: await cluster.kubeconfigForServiceAccount({
				namespace: operatorNamespace,
				name: estopAccount,
			}),
		});
		await governDesk(place, cast, startReplicas, options);
		return {
			...place,
			cast,
			replicas,
			floor,
			button,
			record,
			logs,
			preparation: preparation(cast.kubeconfig, cluster.kubectl),
			ending: "Ending the operator, the button, the bots, the venue, the record and the cluster",
			stop,
		};
	} catch (error) {
		progress.finish();
		const kept = error instanceof DemoError && !signal.aborted ? keepLogs(logs) : undefined;
		await stop();
		if (kept === undefined || !(error instanceof DemoError)) throw error;
		throw new DemoError(error.code, `${error.message}\nThe logs are kept in ${kept}`, { cause: error });
	}
}

/** Creates the namespace of the desk, what people may do in it, and its workloads, which begin to run. */
async function installDesk(cluster: ClusterAccess, place: Place): Promise<void> {
	const { namespace, plan } = place;
	const user = (name: Person) => ({ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" });
	const items = [
		namespaceObject(namespace),
		...roleBindings(namespace, user),
		...plan.workloads.map((workload) => workloadObject(workload, place)),
	];
	const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
	const { code, stderr } = await kubectl(cluster, ["apply", "--server-side", "-f", "-"], { input });
	if (code !== 0) throw new DemoError("SetupFailed", `the desk cannot be installed: ${stderr.trim()}`);
}

type Kubeconfig = {
	readonly clusters: readonly { readonly cluster: object }[];
	readonly users: readonly { readonly user: object }[];
};

/** Gives every person a client certificate, all in one kubeconfig. */
async function gatherPeople(cluster: ClusterAccess, place: Place): Promise<Cast> {
	const found: { readonly [K in Person]?: Kubeconfig } = Object.fromEntries(
		await Promise.all(
			people.map(async (name) => [
				name,
				JSON.parse(readFileSync(await cluster.kubeconfigFor({ name }), "utf8")) as Kubeconfig,
			]),
		),
	);
	const [first] = Object.values(found);
	const users = Object.fromEntries(people.map((name) => [name, found[name]?.users[0]?.user])) as Readonly<
		Record<Person, object>
	>;
	const login = { cluster: first?.clusters[0]?.cluster ?? {}, users, user: (person: Person) => person };
	return gatherCast(join(clusterFiles(cluster.dir).kubeconfigs, "people"), login, place);
}
