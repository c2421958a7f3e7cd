import { apiGroup } from "../../crds/vocabulary.ts";
import { type Cluster, startCluster } from "../../dev/cluster/cluster.ts";
import type { Progress } from "../../dev/cluster/progress.ts";
import type { ControllerManagerRate } from "../../dev/cluster/servers.ts";
import { installApi } from "../../dev/install.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { until } from "../support/until.ts";
import { type BareDelete, startBareDelete } from "./bare-delete.ts";
import { PodWatch } from "./pod-watch.ts";
import { type Replicas, startReplicas } from "./replicas.ts";

/** What differs between the clusters of rows. */
export type FloorOptions = { readonly apiServers?: number; readonly apiServerFlags?: readonly string[] };

/** What every row stands on. */
export type Floor = {
	readonly cluster: Cluster;
	/** An administrator at the first API server, and one at each. */
	readonly admin: Client;
	readonly admins: readonly Client[];
	/** A person who may raise, and nothing else. */
	readonly raiser: Client;
	readonly watch: PodWatch;
	readonly bareDelete: BareDelete;
	readonly progress: Progress;
	/** Starts operator replicas that govern these namespaces; resolves when all are ready. */
	readonly startReplicas: (
		count: number,
		namespaces: readonly string[],
		gates?: string,
		argsOf?: (index: number) => readonly string[],
	) => Promise<Replicas>;
	/** Restarts the controller manager at this rate; resolves when it acts. */
	readonly setControllerManager: (rate: ControllerManagerRate) => Promise<void>;
	readonly stop: () => Promise<void>;
};

const person = "bench-raiser";
const canaryPath = "/apis/apps/v1/namespaces/default/deployments";
const sockets = 16;

/** Starts a cluster with fsync and the generated resources, and opens every connection that is used later. */
export async function openFloor(
	{ apiServers = 1, apiServerFlags = [] }: FloorOptions,
	progress: Progress,
	signal: AbortSignal,
): Promise<Floor> {
	const extraFlags = { "kube-apiserver": apiServerFlags };
	const cluster = await startCluster({ fsync: true, nodes: 10, apiServers, extraFlags, progress, signal });
	const opened: { readonly close: () => Promise<unknown> }[] = [];
	const stop = async () => {
		for (const part of opened.toReversed()) await part.close();
		await cluster.stop();
	};
	try {
		await installApi(cluster);
		const open = async (kubeconfig: string) => {
			const limits = { perSecond: 10_000, burst: 10_000, normalInFlight: sockets };
			const client = new Client(await connect(loadKubeConfig(kubeconfig), { sockets }), { limits });
			opened.push(client);
			await client.warm(sockets);
			return client;
		};
		const admin = await open(cluster.kubeconfig);
		const admins = [admin];
		for (let index = 1; index < apiServers; index += 1) {
			admins.push(await open(cluster.at(index).kubeconfig));
		}
		await bindRaiser(admin);
		const raiser = await open(await cluster.kubeconfigFor({ name: person }));
		await until("the raiser may raise", () => mayPatch(raiser));
		await createCanary(admin);
		const watch = await PodWatch.start(admin);
		opened.push({ close: () => watch.stop() });
		const bareDelete = startBareDelete(cluster.kubeconfig);
		opened.push({ close: () => bareDelete.stop() });
		return {
			cluster,
			admin,
			admins,
			raiser,
			watch,
			bareDelete,
			progress,
			stop,
			async startReplicas(count, namespaces, gates, argsOf) {
				const replicas = await startReplicas(cluster, count, namespaces, gates, argsOf);
				opened.push({ close: () => replicas.stop() });
				return replicas;
			},
			async setControllerManager(rate) {
				await cluster.restartControllerManager(rate);
				await canarySings(admin, watch);
			},
		};
	} catch (error) {
		await stop();
		throw error;
	}
}

async function bindRaiser(admin: Client): Promise<void> {
	await admin.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
		apiVersion: "rbac.authorization.k8s.io/v1",
		kind: "ClusterRoleBinding",
		metadata: { name: person },
		roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "tradingsafety-raiser" },
		subjects: [{ kind: "User", name: person, apiGroup: "rbac.authorization.k8s.io" }],
	});
}

async function mayPatch(client: Client): Promise<boolean> {
	const resourceAttributes = {
		group: apiGroup,
		resource: "tradingsafeties",
		namespace: "any",
		verb: "patch",
	};
	const review = await client.create<{ readonly status: { readonly allowed: boolean } }>(
		"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		{ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes } },
	);
	return review.status.allowed;
}

async function createCanary(admin: Client): Promise<void> {
	const labels = { app: "canary" };
	await admin.create(canaryPath, {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "canary" },
		spec: {
			replicas: 0,
			selector: { matchLabels: labels },
			template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "none" }] } },
		},
	});
}

/** A controller manager that has made a pod from a Deployment has started everything that is measured here. */
async function canarySings(admin: Client, watch: PodWatch): Promise<void> {
	for (const replicas of [1, 0]) {
		await admin.patch(`${canaryPath}/canary`, { spec: { replicas } }, { type: "merge" });
		await watch.when("the canary was scaled", "default", ({ total }) => total === replicas, 300_000);
	}
}
