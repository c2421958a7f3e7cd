import type { WorkloadKind } from "./kind.ts";

/** Argo Rollout: scaled like others, and deaf to it while it is paused; its pods are deleted directly anyway. */
export function rollout(scaled: WorkloadKind): WorkloadKind {
	return {
		...scaled,
		project: (object) => {
			const workload = scaled.project(object);
			if (workload === undefined || object.spec?.paused !== true) return workload;
			return { ...workload, hint: "it is paused, and a paused Rollout ignores replicas" };
		},
	};
}
