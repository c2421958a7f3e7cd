import type { Workload } from "../../core/observed.ts";
import { operatorAccount } from "../../crds/roles.ts";

type PodTemplate = {
	readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
	readonly spec?: { readonly nodeSelector?: Readonly<Record<string, string>> };
};

/** An entry of `metadata.managedFields` (meta/v1). */
export type ManagedFields = {
	readonly manager?: string;
	readonly subresource?: string;
	readonly time?: string;
	readonly fieldsV1?: unknown;
};

/** An object of a workload kind as the API server sends it: the parts that some kind reads. */
export type WorkloadObject = {
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly uid: string;
		readonly resourceVersion?: string;
		readonly creationTimestamp: string;
		readonly generation?: number;
		readonly annotations?: Readonly<Record<string, string>>;
		readonly ownerReferences?: readonly { readonly controller?: boolean }[];
		readonly managedFields?: readonly ManagedFields[];
	};
	readonly spec?: {
		readonly replicas?: number;
		readonly suspend?: boolean;
		readonly paused?: boolean;
		readonly startingDeadlineSeconds?: number;
		readonly template?: PodTemplate;
		readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplate } };
		readonly jobTargetRef?: { readonly template?: PodTemplate };
		readonly scaleTargetRef?: { readonly kind?: string; readonly name: string };
		readonly behavior?: { readonly scaleUp?: { readonly selectPolicy?: string } };
	};
	readonly status?: {
		readonly observedGeneration?: number | string;
		readonly readyReplicas?: number;
		readonly desiredNumberScheduled?: number;
		readonly updatedNumberScheduled?: number;
		readonly numberReady?: number;
		readonly ready?: number;
		readonly succeeded?: number;
		readonly conditions?: readonly { readonly type: string; readonly status: string }[];
	};
};

/** What the setting of a workload is: replicas, and the value itself where that says more. */
export type Present = { readonly replicas: number; readonly earlier?: string };

/** A merge patch (RFC 7396) of a workload or of its scale. */
export type Patch = { readonly metadata?: object; readonly spec?: object };

/** A merge patch that applies to exactly this version of the object. */
export function withVersion(patch: Patch, resourceVersion: string | undefined): object {
	return { ...patch, metadata: { ...patch.metadata, resourceVersion } };
}

/** How the replicas of a kind are read and set. A description: whoever uses it makes the calls. */
export type Setting = {
	/** Where they are written; absent: on the object itself. */
	readonly subresource?: "scale";
	readonly read: (object: WorkloadObject) => Present;
	/** The merge patch that sets them. `earlier` is what {@link read} gave before the halt. */
	readonly patch: (replicas: number, earlier?: string) => Patch;
	/** The field that is set, as managedFields name it. */
	readonly field: readonly string[];
};

/** How one kind of workload is read, stopped and brought back. */
export type WorkloadKind = {
	readonly kind: string;
	readonly group: string;
	readonly version: string;
	/** Plural name, as in the path. */
	readonly resource: string;
	/** What the decisions need of an object; undefined when it is not to be acted on by itself. */
	readonly project: (object: WorkloadObject) => Workload | undefined;
	readonly setting: Setting;
};

/** The names of a kind, without what is done with it. */
export type KindName = Pick<WorkloadKind, "kind" | "group" | "version" | "resource">;

/** `spec.replicas` through the scale subresource; 1 when absent. */
export const scaling: Setting = {
	subresource: "scale",
	read: ({ spec }) => ({ replicas: spec?.replicas ?? 1 }),
	patch: (replicas) => ({ spec: { replicas } }),
	field: ["f:spec", "f:replicas"],
};

/** `spec.suspend`. */
export const suspending: Setting = {
	read: ({ spec }) => ({ replicas: spec?.suspend === true ? 0 : 1 }),
	patch: (replicas) => ({ spec: { suspend: replicas === 0 } }),
	field: ["f:spec", "f:suspend"],
};

/** What every projection has in common. `labels` are those of the pods that it makes. */
export function projected(
	{ kind, group, version, setting }: KindName & Pick<WorkloadKind, "setting">,
	object: WorkloadObject,
	labels: Readonly<Record<string, string>> | undefined,
): Omit<Workload, "ready"> {
	const { name, uid, creationTimestamp } = object.metadata;
	const setBy = lastManager(object.metadata.managedFields ?? [], setting.field);
	return {
		apiVersion: group === "" ? version : `${group}/${version}`,
		kind,
		name,
		uid,
		createdAt: creationTimestamp,
		labels: labels ?? {},
		replicas: setting.read(object).replicas,
		...(setBy !== undefined && { setBy }),
	};
}

/** A kind that has `spec.replicas`, a template and `status.readyReplicas`, like a Deployment. */
export function replicated(name: KindName): WorkloadKind {
	const kind = { ...name, setting: scaling };
	return {
		...kind,
		project: (object) => ({
			...projected(kind, object, object.spec?.template?.metadata?.labels),
			ready: isCurrent(object) ? (object.status?.readyReplicas ?? 0) : 0,
		}),
	};
}

/** False when what the controller counted is of an older spec, and says nothing about this one. */
export function isCurrent({ metadata, status }: WorkloadObject): boolean {
	return Number(status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

/** True when another object owns it and decides what it does. */
export function isOwned({ metadata }: WorkloadObject): boolean {
	return metadata.ownerReferences?.some((owner) => owner.controller === true) ?? false;
}

/**
 * Who wrote a field last; undefined when no entry has it: a write through /scale leaves no name (Kubernetes 1.36.3),
 * nor does taking a field away. Times are whole seconds; in a fight, where both wrote in the same one, it is the
 * other one that is looked for.
 */
function lastManager(entries: readonly ManagedFields[], field: readonly string[]): string | undefined {
	const rank = ({ manager, time }: ManagedFields) => `${time ?? ""} ${manager === operatorAccount ? 0 : 1}`;
	return entries
		.filter((entry) => contains(entry.fieldsV1, field))
		.reduce<ManagedFields | undefined>(
			(last, entry) => (last === undefined || rank(entry) >= rank(last) ? entry : last),
			undefined,
		)?.manager;
}

function contains(fields: unknown, path: readonly string[]): boolean {
	let at = fields;
	for (const key of path) {
		if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return false;
		at = (at as Readonly<Record<string, unknown>>)[key];
	}
	return true;
}
