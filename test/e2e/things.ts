import { randomBytes } from "node:crypto";
import type { ExecutionContext } from "ava";
import { isKubeError } from "../../kube/error.ts";
import { pathOf } from "../../kube/paths.ts";
import { livePods, podsPath } from "../../operator/resources.ts";
import type { Pod, TestDesk } from "../operator/desk.ts";
import { until } from "../support/until.ts";

/** Where objects of one kind are. */
export type Place = {
	readonly kind: string;
	readonly group: string;
	readonly version: string;
	readonly resource: string;
};

/** The kinds of Kubernetes itself that these tests make. */
export const places = {
	Deployment: { kind: "Deployment", group: "apps", version: "v1", resource: "deployments" },
	ReplicaSet: { kind: "ReplicaSet", group: "apps", version: "v1", resource: "replicasets" },
	DaemonSet: { kind: "DaemonSet", group: "apps", version: "v1", resource: "daemonsets" },
	Job: { kind: "Job", group: "batch", version: "v1", resource: "jobs" },
	CronJob: { kind: "CronJob", group: "batch", version: "v1", resource: "cronjobs" },
	HorizontalPodAutoscaler: {
		kind: "HorizontalPodAutoscaler",
		group: "autoscaling",
		version: "v2",
		resource: "horizontalpodautoscalers",
	},
} as const satisfies Readonly<Record<string, Place>>;

/** An object as these tests read it. */
export type Thing = {
	readonly metadata: {
		readonly name: string;
		readonly uid: string;
		readonly annotations?: Readonly<Record<string, string>>;
	};
	readonly spec: Readonly<Record<string, unknown>>;
	readonly status?: Readonly<Record<string, unknown>>;
};

/** Objects of any kind in the namespace of a desk, as cluster administrator. */
export class Things {
	readonly #desk: TestDesk;

	constructor(desk: TestDesk) {
		this.#desk = desk;
	}

	make(place: Place, name: string, spec: object, metadata: object = {}): Promise<Thing> {
		const apiVersion = `${place.group}/${place.version}`;
		const body = { apiVersion, kind: place.kind, metadata: { ...metadata, name }, spec };
		return this.#desk.admin.create<Thing>(this.path(place), body);
	}

	get(place: Place, name: string): Promise<Thing> {
		return this.#desk.admin.get<Thing>(this.path(place, name));
	}

	patch(place: Place, name: string, body: object, subresource?: string): Promise<unknown> {
		return this.#desk.admin.patch(this.path(place, name, subresource), body, { type: "merge" });
	}

	path({ group, version, resource }: Place, name?: string, subresource?: string): string {
		return pathOf({ group, version, resource, namespace: this.#desk.namespace, name, subresource });
	}

	/** The pods of an app that may run something. */
	async live(app: string): Promise<readonly Pod[]> {
		const query = { ...livePods, labelSelector: `app=${app}` };
		return (await this.#desk.admin.list<Pod>(podsPath(this.#desk.namespace), query)).items;
	}
}

/** Labels and containers of pods. A Job's pods run on until they are told. */
export const podTemplate = (app: string, restartPolicy = "Always") => ({
	metadata: {
		labels: { app },
		...(restartPolicy === "Never" && { annotations: { "tradingsafety.dev/kwok-keeps-running": "true" } }),
	},
	spec: { restartPolicy, containers: [{ name: "bot", image: "bot" }] },
});

const definitionsPath = (name?: string) =>
	pathOf({ group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions", name });

/** The paths of a scale subresource as Argo Rollouts has them. */
export const rolloutScale = {
	specReplicasPath: ".spec.replicas",
	statusReplicasPath: ".status.HPAReplicas",
	labelSelectorPath: ".status.selector",
};

/** A group that no other test uses. */
export const newGroup = (): string => `t${randomBytes(4).toString("hex")}.example.com`;

/** Installs a kind with free spec and status, and waits until it is served. Removed with the test. */
export async function installKind(
	t: ExecutionContext,
	desk: TestDesk,
	place: Place,
	scale?: object,
): Promise<string> {
	const free = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
	const name = `${place.resource}.${place.group}`;
	await desk.admin.create(definitionsPath(), {
		apiVersion: "apiextensions.k8s.io/v1",
		kind: "CustomResourceDefinition",
		metadata: { name },
		spec: {
			group: place.group,
			scope: "Namespaced",
			names: { kind: place.kind, plural: place.resource, singular: place.kind.toLowerCase() },
			versions: [
				{
					name: place.version,
					served: true,
					storage: true,
					subresources: { status: {}, ...(scale && { scale }) },
					schema: { openAPIV3Schema: { type: "object", properties: { spec: free, status: free } } },
				},
			],
		},
	});
	t.teardown(() => removeKind(desk, name));
	await until(`${name} is served`, async () => {
		const { group, version, resource } = place;
		return (await desk.admin.list(pathOf({ group, version, resource, namespace: desk.namespace }))).items;
	});
	return name;
}

/** Removes a kind and waits until it is gone. */
export async function removeKind(desk: TestDesk, name: string): Promise<void> {
	await until(`${name} is gone`, async () => {
		try {
			await desk.admin.delete(definitionsPath(name));
			return false;
		} catch (error) {
			if (isKubeError(error, "NOT_FOUND")) return true;
			throw error;
		}
	});
}

/** Lets the operator see and scale a kind, as the documentation says. Removed with the test. */
export async function allowKind(t: ExecutionContext, desk: TestDesk, place: Place): Promise<void> {
	const group = "rbac.authorization.k8s.io";
	const name = `test-${place.resource}-${place.group}`;
	const path = pathOf({ group, version: "v1", resource: "clusterroles" });
	await desk.admin.create(path, {
		apiVersion: `${group}/v1`,
		kind: "ClusterRole",
		metadata: { name, labels: { "tradingsafety.dev/aggregate-to-operator": "true" } },
		rules: [
			{ apiGroups: [place.group], resources: [place.resource], verbs: ["get", "list", "watch"] },
			{ apiGroups: [place.group], resources: [`${place.resource}/scale`], verbs: ["patch"] },
		],
	});
	t.teardown(() => desk.admin.delete(pathOf({ group, version: "v1", resource: "clusterroles", name })));
}
