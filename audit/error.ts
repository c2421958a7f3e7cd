/** Why something about a trail failed. */
export type AuditErrorCode =
	/** An option is missing or wrong. */
	| "USAGE"
	/** An entry is none that may be written: the message names the field. */
	| "ENTRY"
	/** Bytes that are no note, checkpoint, bundle, tile or line of a batch. */
	| "FORMAT"
	/** A key cannot be read, or cannot be used for this. */
	| "KEY"
	/** A signature was not made. */
	| "SIGN"
	/** The object store does not answer, or refuses. */
	| "STORE"
	/** An object is not there. */
	| "MISSING"
	/** Somebody else wrote this object before, with other bytes: another leader is at work. */
	| "FENCED"
	/** The store does not keep what it promised: a lock, a version, the bytes. */
	| "WORM"
	/** The spool cannot be written or read. */
	| "SPOOL"
	/** A witness does not answer, or refuses. */
	| "WITNESS"
	/** Two views of the log contradict each other. */
	| "FORK";

/** The one error of this folder. */
export class AuditError extends Error {
	override readonly name = "AuditError";
	readonly code: AuditErrorCode;

	constructor(code: AuditErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}

/** True for an error of one of these kinds. */
export function isAuditError(error: unknown, ...codes: readonly AuditErrorCode[]): error is AuditError {
	return error instanceof AuditError && codes.includes(error.code);
}

/** What an error says. */
export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
