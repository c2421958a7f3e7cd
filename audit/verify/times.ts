import type { Entry } from "../entry.ts";
import type { FindingCode } from "./finding.ts";

/** Told of what is wrong with an entry. */
export type Tell = (code: FindingCode, message: string) => void;

type Last = {
	readonly index: number;
	/** Hash of the key that signed it. */
	readonly key: string;
	readonly time: Entry["time"];
	readonly wall: number;
	readonly promisedSeconds?: number;
};

/** How far a clock may go back, beside what entries say of its error: milliseconds. */
const slackMilliseconds = 1;
/** How far wall and monotonic time may drift apart within one run of a machine: seconds between entries aside. */
const driftMilliseconds = 5_000;
/** What a sign of life may be late by: seconds. */
const lateSeconds = 60;

/**
 * Do the times of each writer go on as its clock and its promises say? Whatever its epochs: a spool hands over what is left of one
 * before anything of the next, so that a time that goes back between them is as wrong as within one.
 */
export class Times {
	/** By writer, of all its epochs. */
	readonly #last = new Map<string, Last>();
	/** Entries before this index were not all seen. */
	#wholeFrom = 0;

	/** True where entries of this writer may be missing that nobody could see: those of a round that is not right. */
	isUnsure(writer: string): boolean {
		return (this.#last.get(writer)?.index ?? -1) < this.#wholeFrom && this.#wholeFrom > 0;
	}

	/** Entries up to this size could not be seen, or not all of them. */
	lost(size: number): void {
		this.#wholeFrom = size;
	}

	/** Compares an entry, signed by the key with this hash, with the one that its writer wrote before. */
	check({ kind, writer, time, metadata }: Entry, index: number, key: string, tell: Tell): void {
		const wall = Date.parse(time.wall);
		const before = this.#last.get(writer.id);
		const promised = Number(metadata?.nextWithinSeconds ?? Number.NaN);
		const promisedSeconds = kind === "Heartbeat" ? promised : before?.promisedSeconds;
		const keeps = kind !== "Stopped" && promisedSeconds !== undefined && Number.isFinite(promisedSeconds);
		this.#last.set(writer.id, { index, key, time, wall, ...(keeps && { promisedSeconds }) });
		if (before === undefined || before.index < this.#wholeFrom) return;
		if (before.promisedSeconds !== undefined) {
			const late = wall - before.wall - (before.promisedSeconds + lateSeconds) * 1_000;
			const from = `${writer.id} promised to be heard of within ${before.promisedSeconds} s after ${before.time.wall}`;
			if (late > 0) tell("HeartbeatMissing", `${from}, and was ${Math.round(late / 1_000)} s late`);
		}
		if (kind === "ClockStepped") return;
		const error = ((time.errorMicroseconds ?? 0) + (before.time.errorMicroseconds ?? 0)) / 1_000;
		if (wall < before.wall - error - slackMilliseconds) {
			tell(
				"EntryBackdated",
				`its time ${time.wall} is before ${before.time.wall}, which ${writer.id} wrote earlier`,
			);
			return;
		}
		if (time.boot !== before.time.boot) return;
		const passed = Number(BigInt(time.monotonic) - BigInt(before.time.monotonic)) / 1e6;
		if (Math.abs(wall - before.wall - passed) > driftMilliseconds + error) {
			const by = `${Math.round((wall - before.wall) / 1_000)} s later by its wall clock, ${Math.round(passed / 1_000)} s by the machine's timer`;
			tell(
				"EntryBackdated",
				`its time ${time.wall} contradicts its timer: it is ${by}, and no entry says that the clock was set`,
			);
		}
	}

	/**
	 * Who promised a sign of life and has not kept it, at this time (milliseconds since 1970)? Where nobody says what time it was: by
	 * what the others have said last.
	 */
	end(at: number | undefined, tell: (writer: string, message: string) => void): void {
		const latest = [...this.#last].sort(([, a], [, b]) => b.wall - a.wall);
		for (const [writer, { index, wall, promisedSeconds, time }] of this.#last) {
			// Where entries were lost it may have said there that it stops.
			if (promisedSeconds === undefined || index < this.#wholeFrom) continue;
			const now = at ?? timeByOthers(latest, writer);
			if (now === undefined || now - wall <= (promisedSeconds + lateSeconds) * 1_000) continue;
			const until = at === undefined ? `, while others wrote until ${new Date(now).toISOString()}` : "";
			tell(
				writer,
				`${writer} promised to be heard of within ${promisedSeconds} s after ${time.wall}, and was not${until}`,
			);
		}
	}
}

/** The latest time that two keys agree on, or one where there is no other: one clock that is wrong accuses nobody. */
function timeByOthers(latest: readonly (readonly [string, Last])[], writer: string): number | undefined {
	let first: Last | undefined;
	for (const [name, last] of latest) {
		if (name === writer) continue;
		if (first !== undefined && last.key !== first.key) return last.wall;
		first ??= last;
	}
	return first?.wall;
}
