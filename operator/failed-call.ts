import type { FailedCall } from "../core/culprit.ts";
import { isKubeError } from "../kube/error.ts";

/** What the decisions need to know of a call that failed. */
export function failedCall(error: unknown): FailedCall {
	// A call that was put off until its deadline says in its cause why.
	const told = isKubeError(error, "TIMEOUT") && isKubeError(error.cause) ? error.cause : error;
	if (!isKubeError(told)) return { code: "UNKNOWN", message: String(told) };
	return {
		code: told.code,
		message: told.message,
		...(told.status !== undefined && { status: told.status }),
	};
}
