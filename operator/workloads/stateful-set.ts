import { projectReplicated, type WorkloadKind } from "./kind.ts";

/** apps/v1 StatefulSet. OrderedReady ones, too, are stopped at once: their pods are deleted directly. */
export const statefulSet: WorkloadKind = {
	kind: "StatefulSet",
	group: "apps",
	version: "v1",
	resource: "statefulsets",
	project: projectReplicated("apps/v1", "StatefulSet"),
};
