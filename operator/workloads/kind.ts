import type { Workload } from "../../core/observed.ts";

/** An object of a workload kind as the API server sends it: the parts that are read. */
export type WorkloadObject = {
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly uid: string;
		readonly creationTimestamp: string;
		readonly generation?: number;
	};
	readonly spec: {
		readonly replicas?: number;
		readonly template: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } };
	};
	readonly status?: { readonly observedGeneration?: number; readonly readyReplicas?: number };
};

/** How one kind of workload is read and scaled. */
export type WorkloadKind = {
	readonly kind: string;
	readonly group: string;
	readonly version: string;
	/** Plural name, as in the path. */
	readonly resource: string;
	/** What the decisions need of an object. */
	readonly project: (object: WorkloadObject) => Workload;
};

/** The projection of kinds that have `spec.replicas` (1 when absent), a template and `status.readyReplicas`. */
export function projectReplicated(apiVersion: string, kind: string): WorkloadKind["project"] {
	return ({ metadata, spec, status }) => ({
		apiVersion,
		kind,
		name: metadata.name,
		uid: metadata.uid,
		createdAt: metadata.creationTimestamp,
		labels: spec.template.metadata?.labels ?? {},
		replicas: spec.replicas ?? 1,
		// What the controller counted before it saw the present spec says nothing about it.
		ready: (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) ? (status?.readyReplicas ?? 0) : 0,
	});
}
