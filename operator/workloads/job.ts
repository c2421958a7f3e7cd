import { projected, suspending, type WorkloadKind, type WorkloadObject } from "./kind.ts";

const kind = { kind: "Job", group: "batch", version: "v1", resource: "jobs", setting: suspending } as const;

/** batch/v1 Job. One that is complete runs nothing any more; one that failed may have failed by being stopped. */
export const job: WorkloadKind = {
	...kind,
	project: (object) => {
		if (is(object, "Complete")) return undefined;
		const workload = projected(kind, object, object.spec?.template?.metadata?.labels);
		const switched = true;
		if (is(object, "Failed")) {
			const notRestored = "Job: it has failed; let a person make it anew";
			return { ...workload, replicas: 0, ready: 0, switched, over: true, notRestored };
		}
		return {
			...workload,
			ready: (object.status?.ready ?? 0) + (object.status?.succeeded ?? 0) > 0 ? 1 : 0,
			switched,
			notRestored: "Job: its pods would start over; let a person set spec.suspend to false",
		};
	},
};

function is({ status }: WorkloadObject, type: string): boolean {
	return status?.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
}
