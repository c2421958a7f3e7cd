import { replicated } from "./kind.ts";

/** apps/v1 Deployment. */
export const deployment = replicated({
	kind: "Deployment",
	group: "apps",
	version: "v1",
	resource: "deployments",
});
