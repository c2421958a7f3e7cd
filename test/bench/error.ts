/** Why the bench could not measure. */
export type BenchErrorCode =
	/** A signal ended it. */
	| "INTERRUPTED"
	/** Something that was waited for did not come. */
	| "TOO_LATE"
	/** A process that it had started failed or ended. */
	| "CHILD_FAILED"
	/** The fence did something that no figure can express: it opened again, or never closed. */
	| "FENCE_WRONG"
	/** What was to be measured was not as it must be at the start. */
	| "NOT_AS_EXPECTED";

/** The one error of this folder. */
export class BenchError extends Error {
	override readonly name = "BenchError";
	readonly code: BenchErrorCode;

	constructor(code: BenchErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}
