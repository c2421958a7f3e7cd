import { replicated } from "./kind.ts";

/** apps/v1 StatefulSet. OrderedReady ones, too, are stopped at once: their pods are deleted directly. */
export const statefulSet = replicated({
	kind: "StatefulSet",
	group: "apps",
	version: "v1",
	resource: "statefulsets",
});
