import { isOwned, replicated, type WorkloadKind } from "./kind.ts";

const any = replicated({ kind: "ReplicaSet", group: "apps", version: "v1", resource: "replicasets" });

/** apps/v1 ReplicaSet without an owner. The others are set by theirs. */
export const replicaSet: WorkloadKind = {
	...any,
	project: (object) => (isOwned(object) ? undefined : any.project(object)),
};
