/** What can go wrong with real nodes. */
export type NodeErrorCode =
	/** The machine lacks something; the message says what. */
	| "NotPossible"
	/** What only works inside an enclosure was called outside of one. */
	| "NotEnclosed"
	| "CommandFailed"
	| "StartFailed"
	| "NotRunning";

/** The one error of this folder. `message` is meant for people, `code` for programs. */
export class NodeError extends Error {
	readonly code: NodeErrorCode;

	constructor(code: NodeErrorCode, message: string, options?: { readonly cause?: unknown }) {
		super(message, options);
		this.name = "NodeError";
		this.code = code;
	}
}
