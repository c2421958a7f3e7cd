/** What can go wrong with the demo. */
export type DemoErrorCode =
	/** The command line is not understood. */
	| "Usage"
	/** The demo desk could not be set up. */
	| "SetupFailed"
	/** A replica of the operator did not come up. */
	| "ReplicaFailed"
	/** The venue of the demo is gone, and with it what everybody holds. */
	| "VenueEnded"
	/** The walk cannot go on: what a later step needs is not there. */
	| "WalkStopped"
	/** A person or another process ended the demo. */
	| "Interrupted";

/** The one error of this folder. `message` is meant for people, `code` for programs. */
export class DemoError extends Error {
	override readonly name = "DemoError";
	readonly code: DemoErrorCode;

	constructor(code: DemoErrorCode, message: string, options?: { readonly cause?: unknown }) {
		super(message, options);
		this.code = code;
	}
}
