/** What can go wrong with a guest that has HID devices. */
export type HidGuestErrorCode =
	/** The machine lacks something; the message says what. */
	| "NotPossible"
	| "CommandFailed"
	/** It did not come up; the message has the end of its console. */
	| "StartFailed"
	/** It was asked for something and could not. */
	| "Refused"
	/** It ended while it was asked. */
	| "Ended";

/** The one error of this folder. `message` is meant for people, `code` for programs. */
export class HidGuestError extends Error {
	override readonly name = "HidGuestError";
	readonly code: HidGuestErrorCode;

	constructor(code: HidGuestErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}
