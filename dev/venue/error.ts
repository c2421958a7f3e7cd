/** USAGE: the command line is not understood. MALFORMED: a request is not what its path asks for. */
export type VenueErrorCode = "USAGE" | "MALFORMED";

/** The only error of this folder. */
export class VenueError extends Error {
	override readonly name = "VenueError";
	readonly code: VenueErrorCode;

	constructor(code: VenueErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}
