import { readFileSync } from "node:fs";
import type { Entry } from "./entry.ts";

/** When something happened, as entries say it. */
export type EntryTime = Entry["time"];

/** What is known of the wall clock: what it was compared with, and how far it may be off. */
export type ClockQuality = { readonly source: string; readonly errorMicroseconds?: number };

/** What a comparison tells that may be off by so many milliseconds; undefined: there was none. */
export function comparedWith(source: string, errorMilliseconds: number | undefined): ClockQuality {
	return errorMilliseconds === undefined
		? uncompared
		: { source, errorMicroseconds: Math.ceil(errorMilliseconds * 1_000) };
}

/** Nobody has compared the clock of this machine. */
export const uncompared: ClockQuality = { source: "uncompared" };

/** Tells the time for entries. `boot` names this run of the machine, so that monotonic times can be compared. */
export function entryClock(quality: () => ClockQuality = () => uncompared): () => EntryTime {
	const boot = readBoot();
	return () => ({
		wall: wallTime(performance.timeOrigin + performance.now(), Date.now()),
		monotonic: String(process.hrtime.bigint()),
		boot,
		...quality(),
	});
}

/** Microseconds out of the timer, as long as that agrees with the clock, which somebody may have set. */
function wallTime(timer: number, clock: number): string {
	const milliseconds = Math.abs(timer - clock) < 2 ? timer : clock;
	const micro = Math.floor((milliseconds % 1) * 1_000);
	return new Date(Math.floor(milliseconds)).toISOString().replace("Z", `${String(micro).padStart(3, "0")}Z`);
}

function readBoot(): string {
	try {
		return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
	} catch {
		// Not Linux: then monotonic times are compared within this process only.
		return `process-${process.pid}-${Math.round(performance.timeOrigin)}`;
	}
}
