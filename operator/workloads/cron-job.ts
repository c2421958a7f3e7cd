import { projected, suspending, type WorkloadKind } from "./kind.ts";

const kind = {
	kind: "CronJob",
	group: "batch",
	version: "v1",
	resource: "cronjobs",
	setting: suspending,
} as const;

/** batch/v1 CronJob. The Jobs that it has made are workloads of their own. */
export const cronJob: WorkloadKind = {
	...kind,
	project: (object) => {
		const workload = projected(kind, object, object.spec?.jobTemplate?.spec?.template?.metadata?.labels);
		return {
			...workload,
			ready: workload.replicas,
			switched: true,
			...(object.spec?.startingDeadlineSeconds === undefined && {
				notRestored:
					"CronJob: without startingDeadlineSeconds it would at once start a run that it missed; let a person set spec.suspend to false",
			}),
		};
	},
};
