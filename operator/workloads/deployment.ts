import { projectReplicated, type WorkloadKind } from "./kind.ts";

/** apps/v1 Deployment. */
export const deployment: WorkloadKind = {
	kind: "Deployment",
	group: "apps",
	version: "v1",
	resource: "deployments",
	project: projectReplicated("apps/v1", "Deployment"),
};
