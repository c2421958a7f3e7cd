/** Why the operator did not do something. */
export type OperatorErrorCode =
	/** An option is missing or wrong. */
	| "USAGE"
	/** The desk changed since this was planned. */
	| "SUPERSEDED"
	/** This replica does not hold the lease, or not for long. */
	| "NOT_LEADER"
	/** Prometheus did not answer what was asked. */
	| "PROMETHEUS"
	/** The trail did not say what was recorded. */
	| "TRAIL"
	/** What is remembered could not be read or written. */
	| "STATE";

/** The one error of this folder. */
export class OperatorError extends Error {
	override readonly name = "OperatorError";
	readonly code: OperatorErrorCode;

	constructor(code: OperatorErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}
