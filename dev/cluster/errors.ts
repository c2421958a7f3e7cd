/** What can go wrong with the embedded cluster. */
export type ClusterErrorCode =
	| "GoMissing"
	| "GoTooOld"
	| "BuildFailed"
	| "NoFreePort"
	| "StartFailed"
	| "StopFailed"
	| "AlreadyRunning"
	| "NotRunning"
	| "RequestFailed"
	| "DeadlineExceeded"
	| "BadArguments";

/** The one error of this folder. `message` is meant for people, `code` for programs. */
export class ClusterError extends Error {
	readonly code: ClusterErrorCode;

	constructor(code: ClusterErrorCode, message: string, options?: { readonly cause?: unknown }) {
		super(message, options);
		this.name = "ClusterError";
		this.code = code;
	}
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node.js system error such as `ENOENT`, or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
