import { fstatSync } from "node:fs";

/**
 * Resolves when the process is to end: at SIGTERM or SIGINT, or when whoever started it with a pipe as standard input
 * is gone, however that came about. A terminal, a file or /dev/null there means nothing.
 */
export function untilEnd(): Promise<void> {
	return new Promise((resolve) => {
		for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
		const input = fstatSync(0, { throwIfNoEntry: false });
		if (input?.isFIFO() !== true && input?.isSocket() !== true) return;
		process.stdin.resume();
		for (const end of ["end", "close", "error"]) process.stdin.once(end, () => resolve());
	});
}
