/** Why the trail did not do something. */
export type TrailErrorCode =
	/** An option is missing or wrong. */
	| "USAGE"
	/** The bucket is none that a record may be kept in, or holds another log. */
	| "BUCKET"
	/** The store does not answer. */
	| "STORE"
	/** What was posted cannot be read. */
	| "INPUT"
	/** What was posted is larger than anything that is taken. */
	| "TOO_LARGE"
	/** The caller has not shown the token. */
	| "UNAUTHORIZED"
	/** Too much is under way, or what must be written first cannot be: the caller asks again. */
	| "BUSY";

/** The one error of this folder. */
export class TrailError extends Error {
	override readonly name = "TrailError";
	readonly code: TrailErrorCode;

	constructor(code: TrailErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}
