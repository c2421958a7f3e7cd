/** Why the sidecar did not do something. */
export type SidecarErrorCode =
	/** An option is missing or wrong. */
	| "USAGE"
	/** A device is there and cannot be opened: the message says what to do. */
	| "OPEN"
	/** A device that was open is not any more. */
	| "LOST";

/** The one error of this folder. */
export class SidecarError extends Error {
	override readonly name = "SidecarError";
	readonly code: SidecarErrorCode;

	constructor(code: SidecarErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}
