import { deployment } from "./deployment.ts";
import type { WorkloadKind } from "./kind.ts";
import { statefulSet } from "./stateful-set.ts";

/** Every kind of workload that the operator stops and restores. */
export const workloadKinds: readonly WorkloadKind[] = [deployment, statefulSet];
