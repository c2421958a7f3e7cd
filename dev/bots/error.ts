/**
 * USAGE: the command line is not understood, or a file of keys. REFUSED: the gate did not allow it, nothing was sent.
 * LINE: the venue could not be reached, or was lost before it answered. ANSWER: it answered that the request is wrong.
 */
export type BotErrorCode = "USAGE" | "REFUSED" | "LINE" | "ANSWER";

/** The only error of this folder. */
export class BotError extends Error {
	override readonly name = "BotError";
	readonly code: BotErrorCode;

	constructor(code: BotErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.code = code;
	}
}

/** True for a BotError of one of the codes; of any when none is named. */
export function isBotError(error: unknown, ...codes: readonly BotErrorCode[]): error is BotError {
	return error instanceof BotError && (codes.length === 0 || codes.includes(error.code));
}
