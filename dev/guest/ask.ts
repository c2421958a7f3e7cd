import { createInterface } from "node:readline";
import { GuestError } from "./errors.ts";

/**
 * Asks a person at a terminal whether to go on.
 * @throws GuestError `Declined` after any other answer than y or yes, and where nobody can be asked
 */
export async function assertAgreed(question: string, signal: AbortSignal): Promise<void> {
	if (!process.stdin.isTTY) {
		throw new GuestError("Declined", "Nothing was changed: without a terminal to ask at, add --yes.");
	}
	const answer = await readLine(`${question} [y/N] `, signal);
	if (/^y(es)?$/i.test(answer.trim())) return;
	throw new GuestError("Declined", "Nothing was changed.");
}

/** One line; empty when the input ends. Not in raw mode, so that Ctrl-C is a signal as elsewhere. */
async function readLine(prompt: string, signal: AbortSignal): Promise<string> {
	const lines = createInterface({ input: process.stdin, terminal: false });
	process.stderr.write(prompt);
	try {
		return await new Promise<string>((resolve, reject) => {
			lines.once("line", resolve);
			lines.once("close", () => resolve(""));
			const end = () => reject(signal.reason as Error);
			if (signal.aborted) end();
			else signal.addEventListener("abort", end, { once: true });
		});
	} finally {
		lines.close();
		// Otherwise a terminal that is still read keeps the program from ending.
		process.stdin.unref?.();
	}
}
