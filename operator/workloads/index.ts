import { cronJob } from "./cron-job.ts";
import { daemonSet } from "./daemon-set.ts";
import { deployment } from "./deployment.ts";
import { horizontalPodAutoscaler } from "./horizontal-pod-autoscaler.ts";
import { job } from "./job.ts";
import type { WorkloadKind } from "./kind.ts";
import { replicaSet } from "./replica-set.ts";
import { statefulSet } from "./stateful-set.ts";

/** Every kind that Kubernetes itself has and that the operator stops. */
export const builtInKinds: readonly WorkloadKind[] = [
	deployment,
	statefulSet,
	replicaSet,
	daemonSet,
	job,
	cronJob,
	horizontalPodAutoscaler,
];
