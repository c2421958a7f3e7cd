/** Why the sidecar did not do something. */
export type SidecarErrorCode =
	/** An option is missing or wrong. */
	| "USAGE"
	/** The devices of this machine cannot be listed: the message says what to do. */
	| "LIST"
	/** A device is there and cannot be opened: the message says what to do. */
	| "OPEN"
	/** A device that was open is not any more. */
	| "LOST"
	/** A raise that no desk shows cannot be kept on disk, or read from there. */
	| "STATE";

/** The one error of this folder. */
export class SidecarError extends Error {
	override readonly name = "SidecarError";
	readonly code: SidecarErrorCode;

	constructor(code: SidecarErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}

/** Such as `EACCES`; undefined for what is no error of the system. */
export function systemErrorOf(error: unknown): string | undefined {
	const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
	return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
