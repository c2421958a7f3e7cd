import type { Recorded, Workload } from "../core/observed.ts";
import type { RestoreRecord, TradingSafety } from "../crds/types.ts";
import { apiGroup, apiVersion, deskName, heldAtAnnotation } from "../crds/vocabulary.ts";
import type { KubeObject } from "../kube/object.ts";
import { pathOf } from "../kube/paths.ts";
import type { Present, WorkloadKind } from "./workloads/kind.ts";

/** A desk as the API server sends it. */
export type DeskObject = TradingSafety & KubeObject;

const own = { group: apiGroup, version: apiVersion };

/** Path of the desks of one namespace, or of all. */
export const desksPath = (namespace?: string) => pathOf({ ...own, resource: "tradingsafeties", namespace });
/** Path of one desk. */
export const deskPath = (namespace: string, subresource?: "status") =>
	pathOf({ ...own, resource: "tradingsafeties", namespace, name: deskName, subresource });
/** Path of the records of a namespace, or of one. */
export const recordsPath = (namespace: string, name?: string) =>
	pathOf({ ...own, resource: "restorerecords", namespace, name });
/** Path of the pods of a namespace, or of one. */
export const podsPath = (namespace: string, name?: string) =>
	pathOf({ group: "", version: "v1", resource: "pods", namespace, name });

/** Pods that may run something: one that succeeded or failed has no process any more. */
export const livePods = { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" };

/** Path of a workload, or of a subresource of it. */
export const workloadPath = (
	{ group, version, resource }: WorkloadKind,
	namespace: string,
	name: string,
	subresource?: string,
) => pathOf({ group, version, resource, namespace, name, subresource });

/** What the decisions need of a record. */
export function projectRecord({ metadata, spec }: RestoreRecord): Recorded {
	return {
		workloadUid: spec.workload.uid,
		apiVersion: spec.workload.apiVersion,
		kind: spec.workload.kind,
		name: spec.workload.name,
		replicas: spec.replicas,
		...(spec.earlier !== undefined && { earlier: spec.earlier }),
		target: spec.target,
		heldAt: Number(metadata.annotations?.[heldAtAnnotation] ?? spec.generation),
		uid: metadata.uid,
		resourceVersion: metadata.resourceVersion,
	};
}

/** A new record for a workload that is about to be scaled to zero from what is present. */
export function newRecord(
	workload: Workload,
	{ replicas, earlier }: Present,
	target: string,
	generation: number,
	recordedBy: string,
): Pick<RestoreRecord, "apiVersion" | "kind" | "spec"> & { readonly metadata: object } {
	const { apiVersion: workloadVersion, kind, name, uid } = workload;
	return {
		apiVersion: `${apiGroup}/${apiVersion}`,
		kind: "RestoreRecord",
		metadata: { name: uid, annotations: { [heldAtAnnotation]: String(generation) } },
		spec: {
			workload: { apiVersion: workloadVersion, kind, name, uid },
			replicas,
			...(earlier !== undefined && { earlier }),
			target,
			generation,
			recordedBy,
		},
	};
}
