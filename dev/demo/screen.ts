import { stripVTControlCharacters } from "node:util";
import { cutToFit } from "./view.ts";

/** Where the live view goes. */
export type Screen = {
	/** Shows these lines in place of the last ones. */
	readonly draw: (lines: readonly string[]) => void;
};

/**
 * Draws from the upper left corner of a terminal, and only when something is different, so that a selection for
 * copying stays. No alternate screen and no hidden cursor: even a killed program leaves a usable terminal.
 */
export function openScreen(stream: NodeJS.WriteStream): Screen {
	let shown: string | undefined;
	return {
		draw(lines) {
			const columns = stream.columns ?? 80;
			const rows = stream.rows ?? 24;
			const colours = stream.hasColors();
			const text = cutToFit(lines, columns, rows - 1)
				.map((line) => `${colours ? line : stripVTControlCharacters(line)}\x1b[K\n`)
				.join("");
			const next = `${columns}x${rows} ${text}`;
			if (next === shown) return;
			stream.write(`${shown === undefined ? "\x1b[2J" : ""}\x1b[H${text}\x1b[J`);
			shown = next;
		},
	};
}
