import { stripVTControlCharacters } from "node:util";
import type { Room } from "./view.ts";

/** Where the live view goes. */
export type Screen = {
	/** Shows the lines for the room that there is in place of the last ones. */
	readonly draw: (render: (room: Room) => readonly string[]) => void;
};

/**
 * Draws from the upper left corner of a terminal, and only when something is different, so that a selection for
 * copying stays. No alternate screen and no hidden cursor: even a killed program leaves a usable terminal.
 */
export function openScreen(stream: NodeJS.WriteStream): Screen {
	let shown: string | undefined;
	return {
		draw(render) {
			const columns = stream.columns ?? 80;
			const rows = stream.rows ?? 24;
			const colours = stream.hasColors();
			const text = render({ columns, rows: rows - 1 })
				.map((line) => `${colours ? line : stripVTControlCharacters(line)}\x1b[K\n`)
				.join("");
			const next = `${columns}x${rows} ${text}`;
			if (next === shown) return;
			// What the terminal showed before goes up out of sight, and is not lost.
			const before = shown === undefined ? "\n".repeat(rows) : "";
			stream.write(`${before}\x1b[H${text}\x1b[J`);
			shown = next;
		},
	};
}
