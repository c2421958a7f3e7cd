/**
 * Hears single keys at a terminal, which then makes no signal of Ctrl-C: `onInterrupt` is told. Elsewhere nothing is heard.
 * Returns what ends it, with the terminal as it was.
 */
export function hearKeys(
	onKey: (key: string) => void,
	onInterrupt: () => void,
	input: NodeJS.ReadStream = process.stdin,
): () => void {
	if (!input.isTTY) return () => {};
	const hear = (text: string) => {
		for (const key of text) {
			if (key === "\x03") onInterrupt();
			else onKey(key);
		}
	};
	input.setRawMode(true);
	input.setEncoding("utf8").on("data", hear);
	input.resume();
	return () => {
		input.off("data", hear);
		input.setRawMode(false);
		input.pause();
	};
}
