/** Why the demo cannot be, or go on, on the cluster of the person. */
export type GuestErrorCode =
	/** There is no kubeconfig, or not the context, or it cannot be used. */
	| "NoAccess"
	/** The API server is too old, or cannot do what the policies need. */
	| "Unsuitable"
	/** The API is installed, but not as it is here. */
	| "OtherContent"
	/** The person lacks rights. */
	| "MissingRights"
	/** The person did not agree. */
	| "Declined"
	/** Something could not be made. */
	| "MakingFailed"
	/** Something could not be removed. */
	| "RemovalFailed";

/** The one error of this folder. `message` is meant for people, `code` for programs. */
export class GuestError extends Error {
	override readonly name = "GuestError";
	readonly code: GuestErrorCode;

	constructor(code: GuestErrorCode, message: string, options?: { readonly cause?: unknown }) {
		super(message, options);
		this.code = code;
	}
}
