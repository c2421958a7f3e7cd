import { isOwned, projected, type WorkloadKind } from "./kind.ts";

const disabled = "Disabled";

const kind = {
	kind: "HorizontalPodAutoscaler",
	group: "autoscaling",
	version: "v2",
	resource: "horizontalpodautoscalers",
	setting: {
		read: ({ spec }) => {
			const earlier = spec?.behavior?.scaleUp?.selectPolicy;
			return { replicas: earlier === disabled ? 0 : 1, ...(earlier !== undefined && { earlier }) };
		},
		patch: (replicas, earlier) => ({
			spec: { behavior: { scaleUp: { selectPolicy: replicas === 0 ? disabled : (earlier ?? null) } } },
		}),
		field: ["f:spec", "f:behavior", "f:scaleUp", "f:selectPolicy"],
	},
} as const satisfies Omit<WorkloadKind, "project">;

/**
 * autoscaling/v2 HorizontalPodAutoscaler, told not to scale up. With minReplicas of 1 or more it leaves a workload
 * at zero alone; with 0 it does not. One with an owner, as KEDA makes them, is set by that.
 */
export const horizontalPodAutoscaler: WorkloadKind = {
	...kind,
	project: (object) => {
		const scales = object.spec?.scaleTargetRef;
		if (isOwned(object) || scales?.kind === undefined) return undefined;
		const workload = projected(kind, object, undefined);
		return {
			...workload,
			ready: workload.replicas,
			switched: true,
			scales: { kind: scales.kind, name: scales.name },
		};
	},
};
