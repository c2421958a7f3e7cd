import { closeSync, openSync, writeSync } from "node:fs";
import type { VenueEvent } from "./events.ts";

/** A log that only grows. */
export type VenueLog = {
	/** Keeps an event until the next {@link VenueLog.flush}. */
	readonly note: (event: VenueEvent) => void;
	/** Writes what was noted, in one call: done before an answer is given, so that what was answered is in the log. */
	readonly flush: () => void;
	readonly close: () => void;
};

/**
 * Opens a file of lines of JSON. Each has the event and two times: `mono`, milliseconds of this process's monotonic
 * clock, and `wallMicros`, microseconds since 1970. Undefined: writes nothing.
 */
export function openLog(file: string | undefined): VenueLog {
	const descriptor = file === undefined ? undefined : openSync(file, "a", 0o600);
	let lines = "";
	return {
		note(event) {
			if (descriptor === undefined) return;
			const mono = performance.now();
			const wallMicros = Math.round((performance.timeOrigin + mono) * 1_000);
			lines += `${JSON.stringify({ mono, wallMicros, ...event })}\n`;
		},
		flush() {
			if (descriptor === undefined || lines === "") return;
			writeSync(descriptor, lines);
			lines = "";
		},
		close() {
			if (descriptor !== undefined) closeSync(descriptor);
		},
	};
}
