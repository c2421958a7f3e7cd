/**
 * KEY: a key that is none, or not of the right half. SIGNATURE: nobody whose key is known signed this.
 * MALFORMED: signed, and not a permit.
 */
export type PermitErrorCode = "KEY" | "SIGNATURE" | "MALFORMED";

/** The only error of this folder. */
export class PermitError extends Error {
	override readonly name = "PermitError";
	readonly code: PermitErrorCode;

	constructor(code: PermitErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}

/** True for a PermitError of one of the codes; of any when none is named. */
export function isPermitError(error: unknown, ...codes: readonly PermitErrorCode[]): error is PermitError {
	return error instanceof PermitError && (codes.length === 0 || codes.includes(error.code));
}
