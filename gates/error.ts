/** NO_ANSWER: nothing came back in time. REFUSED: what came back is no acknowledgement. */
export type GateErrorCode = "NO_ANSWER" | "REFUSED";

/** The one error of this folder. Its message says what came instead of an answer. */
export class GateError extends Error {
	override readonly name = "GateError";
	readonly code: GateErrorCode;

	constructor(code: GateErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}
