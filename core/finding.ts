import type { Condition } from "../crds/status.ts";

/** A condition before it is compared with the one in status. */
export type Finding = Omit<Condition, "lastTransitionTime" | "observedGeneration">;

/** Makes a finding. */
export const finding = (
	type: string,
	status: Condition["status"],
	reason: string,
	message: string,
): Finding => ({ type, status, reason, message });
