import type { AnswerProblem } from "../core/observed.ts";

/** What came instead of an answer. */
export type GateErrorCode = Exclude<AnswerProblem, "Disagrees">;

/** The one error of this folder. Its message says what came instead of an answer. */
export class GateError extends Error {
	override readonly name = "GateError";
	readonly code: GateErrorCode;

	constructor(code: GateErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}
