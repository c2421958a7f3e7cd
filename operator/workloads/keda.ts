import { type KindName, projected, type Setting, type WorkloadKind } from "./kind.ts";

/** An annotation that stops when it has one value. */
const annotating = (annotation: string, stopped: string): Setting => ({
	read: ({ metadata }) => {
		const earlier = metadata.annotations?.[annotation];
		return { replicas: earlier === stopped ? 0 : 1, ...(earlier !== undefined && { earlier }) };
	},
	patch: (replicas, earlier) => ({
		metadata: { annotations: { [annotation]: replicas === 0 ? stopped : (earlier ?? null) } },
	}),
	field: ["f:metadata", "f:annotations", `f:${annotation}`],
});

/** KEDA ScaledObject, paused at zero replicas. */
export function scaledObject(name: KindName): WorkloadKind {
	const kind = { ...name, setting: annotating("autoscaling.keda.sh/paused-replicas", "0") };
	return {
		...kind,
		project: (object) => {
			const scales = object.spec?.scaleTargetRef;
			if (scales === undefined) return undefined;
			const workload = projected(kind, object, undefined);
			return {
				...workload,
				ready: workload.replicas,
				switched: true,
				scales: { kind: scales.kind ?? "Deployment", name: scales.name },
			};
		},
	};
}

/** KEDA ScaledJob, paused. The Jobs that it has made are workloads of their own. */
export function scaledJob(name: KindName): WorkloadKind {
	const kind = { ...name, setting: annotating("autoscaling.keda.sh/paused", "true") };
	return {
		...kind,
		project: (object) => {
			const workload = projected(kind, object, object.spec?.jobTargetRef?.template?.metadata?.labels);
			return { ...workload, ready: workload.replicas, switched: true };
		},
	};
}
