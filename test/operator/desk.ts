import type { RestoreRecord, TradingSafety } from "../../crds/types.ts";
import type { ClusterAccess } from "../../dev/cluster/access.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { isKubeError } from "../../kube/error.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { deskPath, desksPath, podsPath, recordsPath } from "../../operator/resources.ts";
import type { Scope } from "../support/scope.ts";
import { newNamespace, sharedCluster } from "../support/shared.ts";
import { until } from "../support/until.ts";

/** User name of the cluster's administrator, as whom a {@link TestDesk} patches. */
export const administrator = "admin";

/** A pod as the tests read it from the API server. */
export type Pod = {
	readonly metadata: {
		readonly name: string;
		readonly uid: string;
		readonly resourceVersion: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly finalizers?: readonly string[];
		readonly deletionTimestamp?: string;
		readonly deletionGracePeriodSeconds?: number;
	};
};

/** An event as the tests read it from the API server. */
export type NamespaceEvent = {
	readonly type?: string;
	readonly reason?: string;
	readonly note?: string;
	readonly regarding?: { readonly kind?: string; readonly name?: string };
};

/** A workload to make: its pods carry `app: <name>` unless labels are given. */
export type WorkloadSpec = {
	readonly kind?: "Deployment" | "StatefulSet";
	readonly name: string;
	readonly replicas: number;
	readonly labels?: Readonly<Record<string, string>>;
	readonly finalizers?: readonly string[];
};

/** A target over the pods of one workload. */
export const target = (name: string, preset: string, rest: object = {}) => ({
	name,
	preset,
	selector: { matchLabels: { app: name } },
	...rest,
});

/** One desk in a namespace of its own, with what a test does to it and reads of it as cluster administrator. */
export class TestDesk {
	readonly cluster: ClusterAccess;
	readonly namespace: string;
	readonly admin: Client;

	private constructor(cluster: ClusterAccess, namespace: string, admin: Client) {
		this.cluster = cluster;
		this.namespace = namespace;
		this.admin = admin;
	}

	/** Makes the namespace, with the enforce label unless told otherwise. Everything ends with the test. */
	static async create(
		t: Scope,
		options: { readonly cluster?: ClusterAccess; readonly labels?: Readonly<Record<string, string>> } = {},
	): Promise<TestDesk> {
		const cluster = options.cluster ?? (await sharedCluster());
		const labels = options.labels ?? { "tradingsafety.dev/enforce": "targets" };
		const namespace = await newNamespace("operator", { labels, cluster });
		const admin = new Client(await connect(loadKubeConfig(cluster.kubeconfig)));
		t.teardown(() => admin.close());
		return new TestDesk(cluster, namespace, admin);
	}

	/** Makes workloads and waits until they are Ready. */
	async run(...specs: readonly WorkloadSpec[]): Promise<void> {
		for (const spec of specs) await this.apply(spec);
		await until("the workloads are Ready", async () => {
			const ready = await Promise.all(specs.map((spec) => this.workload(spec.name, spec.kind)));
			return ready.every((w, i) => (w.status?.readyReplicas ?? 0) === specs[i]?.replicas);
		});
	}

	apply({ kind = "Deployment", name, replicas, labels, finalizers }: WorkloadSpec): Promise<unknown> {
		const podLabels = labels ?? { app: name };
		return this.admin.create(this.#path(kind), {
			apiVersion: "apps/v1",
			kind,
			metadata: { name },
			spec: {
				replicas,
				selector: { matchLabels: podLabels },
				...(kind === "StatefulSet" && { serviceName: name }),
				template: {
					metadata: { labels: podLabels, ...(finalizers && { finalizers }) },
					spec: { containers: [{ name: "bot", image: "bot" }] },
				},
			},
		});
	}

	workload(
		name: string,
		kind: WorkloadSpec["kind"] = "Deployment",
	): Promise<{
		readonly metadata: { readonly uid: string };
		readonly spec: { readonly replicas: number };
		readonly status?: { readonly readyReplicas?: number };
	}> {
		return this.admin.get(`${this.#path(kind)}/${name}`);
	}

	/** Creates the TradingSafety, in Pause by default. */
	async govern(spec: object): Promise<TradingSafety> {
		const desk = {
			apiVersion: "tradingsafety.dev/v1alpha1",
			kind: "TradingSafety",
			metadata: { name: "desk" },
			spec,
		};
		const made = await until("the desk is made", async () => {
			try {
				return { desk: await this.admin.create<TradingSafety>(desksPath(this.namespace), desk) };
			} catch (error) {
				// An API server that still learns the kind answers 503 now and then; a denial is for the test.
				return isKubeError(error, "SERVER") ? undefined : { error };
			}
		});
		if ("error" in made) throw made.error;
		return made.desk;
	}

	get(): Promise<TradingSafety> {
		return this.admin.get(deskPath(this.namespace));
	}

	/** Patches spec as cluster administrator, who holds every verb: a lowering then is an override. */
	patch(spec: object, client: Client = this.admin): Promise<TradingSafety> {
		return client.patch(deskPath(this.namespace), { spec }, { type: "merge" });
	}

	/** Sets `spec.replicas` of a workload, as somebody with a kubectl does. */
	scale(name: string, replicas: number, kind: WorkloadSpec["kind"] = "Deployment"): Promise<unknown> {
		return this.admin.patch(`${this.#path(kind)}/${name}`, { spec: { replicas } }, { type: "merge" });
	}

	/** Sets the replicas of a Deployment through `/scale`, as `kubectl scale` does. */
	scaleByHand(name: string, replicas: number): Promise<unknown> {
		return this.admin.patch(
			`${this.#path("Deployment")}/${name}/scale`,
			{ spec: { replicas } },
			{ type: "merge" },
		);
	}

	/** Waits until a workload has this many Ready pods and no other. */
	async ready(name: string, replicas: number, kind: WorkloadSpec["kind"] = "Deployment"): Promise<void> {
		await until(`${name} has ${replicas} Ready replicas`, async () => {
			const { spec, status } = await this.workload(name, kind);
			const ready = status?.readyReplicas ?? 0;
			return spec.replicas === replicas && ready === replicas && (await this.pods(name)).length === replicas;
		});
	}

	/** Takes the finalizers from every pod that is told to stop, so that it ends. */
	async dropFinalizers(): Promise<void> {
		const kept = (await this.pods()).filter(
			({ metadata }) => metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length > 0,
		);
		for (const { metadata } of kept) {
			const path = podsPath(this.namespace, metadata.name);
			await this.admin.patch(path, { metadata: { finalizers: null } }, { type: "merge" });
		}
	}

	/**
	 * Shows KWOK each pod again that should have ended 5 s ago. A KWOK that was killed and started again now and
	 * then forgets one that is told to stop just then; a kubelet lists its pods again.
	 */
	async wakeKwok(): Promise<void> {
		for (const { metadata } of await this.pods()) {
			const { deletionTimestamp, finalizers = [] } = metadata;
			if (deletionTimestamp === undefined || finalizers.length > 0) continue;
			if (Date.now() - Date.parse(deletionTimestamp) < 5_000) continue;
			const annotations = { "tradingsafety.dev/shown-again": new Date().toISOString() };
			await this.admin.patch(
				podsPath(this.namespace, metadata.name),
				{ metadata: { annotations } },
				{ type: "merge" },
			);
		}
	}

	/** What the records say, as `name=replicas`, sorted. */
	async recorded(): Promise<readonly string[]> {
		return (await this.records()).map(({ spec }) => `${spec.workload.name}=${spec.replicas}`).sort();
	}

	/** Waits until the leader has cleared the present generation. */
	async cleared(): Promise<void> {
		await until("the present generation is cleared", async () => {
			const { status, metadata } = await this.get();
			return status?.clearance?.generation === metadata.generation;
		});
	}

	/** Lowers with clearance: waits for it, then patches without the use of the verb override. */
	async lower(mode: string, reason = `down to ${mode}, ${crypto.randomUUID()}`): Promise<TradingSafety> {
		await this.cleared();
		return this.patch({ mode, reason, setBy: administrator });
	}

	async pods(app?: string): Promise<readonly Pod[]> {
		const query = app === undefined ? {} : { labelSelector: `app=${app}` };
		return (await this.admin.list<Pod>(podsPath(this.namespace), query)).items;
	}

	async records(): Promise<readonly RestoreRecord[]> {
		return (await this.admin.list<RestoreRecord>(recordsPath(this.namespace))).items;
	}

	/** The events of the namespace. */
	async events(): Promise<readonly NamespaceEvent[]> {
		const path = `/apis/events.k8s.io/v1/namespaces/${this.namespace}/events`;
		return (await this.admin.list<NamespaceEvent>(path)).items;
	}

	async condition(type: string) {
		return (await this.get()).status?.conditions?.find((condition) => condition.type === type);
	}

	/** Waits until the status says of the present generation that the mode is in force. */
	confirmed(mode: string, timeoutMilliseconds = 60_000): Promise<TradingSafety> {
		return until(
			`${mode} is confirmed`,
			async () => {
				const desk = await this.get();
				const confirmed = desk.status?.conditions?.find((condition) => condition.type === "Confirmed");
				const current = confirmed?.observedGeneration === desk.metadata.generation;
				if (current && confirmed?.status === "True" && desk.status?.modeInForce === mode) return desk;
				// `until` reports the last of these.
				const { modeInForce, conditions, targets } = desk.status ?? {};
				const pods = (await this.pods()).map(
					({ metadata: { name, uid, deletionTimestamp: told } }) => `${name} ${uid} told ${told}`,
				);
				throw new Error(`${modeInForce}: ${JSON.stringify({ conditions, targets, pods })}`);
			},
			{ timeoutMilliseconds },
		);
	}

	#path(kind: "Deployment" | "StatefulSet"): string {
		const plural = kind === "Deployment" ? "deployments" : "statefulsets";
		return `/apis/apps/v1/namespaces/${this.namespace}/${plural}`;
	}
}
