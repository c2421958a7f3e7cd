import { stoppedNodeLabel } from "../../crds/vocabulary.ts";
import { isCurrent, projected, type WorkloadKind } from "./kind.ts";

const kind = {
	kind: "DaemonSet",
	group: "apps",
	version: "v1",
	resource: "daemonsets",
	setting: {
		read: ({ spec }) => ({
			replicas: Object.hasOwn(spec?.template?.spec?.nodeSelector ?? {}, stoppedNodeLabel) ? 0 : 1,
		}),
		patch: (replicas) => ({
			spec: { template: { spec: { nodeSelector: { [stoppedNodeLabel]: replicas === 0 ? "true" : null } } } },
		}),
		field: ["f:spec", "f:template", "f:spec", "f:nodeSelector"],
	},
} as const satisfies Omit<WorkloadKind, "project">;

/** apps/v1 DaemonSet. It has no replicas: a node selector that no node answers to stops it. */
export const daemonSet: WorkloadKind = {
	...kind,
	project: (object) => {
		const { desiredNumberScheduled, updatedNumberScheduled, numberReady } = object.status ?? {};
		const everywhere =
			isCurrent(object) &&
			numberReady === desiredNumberScheduled &&
			(updatedNumberScheduled ?? 0) === desiredNumberScheduled;
		return {
			...projected(kind, object, object.spec?.template?.metadata?.labels),
			ready: everywhere ? 1 : 0,
			switched: true,
		};
	},
};
