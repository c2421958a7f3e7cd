import { projected, suspending, type WorkloadKind, type WorkloadObject } from "./kind.ts";

const kind = { kind: "Job", group: "batch", version: "v1", resource: "jobs", setting: suspending } as const;

/** batch/v1 Job. One that is over runs nothing any more. */
export const job: WorkloadKind = {
	...kind,
	project: (object) =>
		isOver(object)
			? undefined
			: {
					...projected(kind, object, object.spec?.template?.metadata?.labels),
					ready: (object.status?.ready ?? 0) + (object.status?.succeeded ?? 0) > 0 ? 1 : 0,
					switched: true,
					notRestored: "Job: its pods would start over; let a person set spec.suspend to false",
				},
};

function isOver({ status }: WorkloadObject): boolean {
	return (
		status?.conditions?.some(
			(condition) =>
				(condition.type === "Complete" || condition.type === "Failed") && condition.status === "True",
		) ?? false
	);
}
