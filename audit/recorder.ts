import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import type { EntryTime } from "./clock.ts";
import { decodeEntry, type Entry, encodeEntry } from "./entry.ts";
import { sha256 } from "./format/hash.ts";
import { spkiOf } from "./format/keys.ts";
import type { Signed } from "./format/leaf.ts";
import type { Signer } from "./signer.ts";
import type { Damage } from "./spool/recover.ts";
import type { Spool } from "./spool/spool.ts";

/** What happened, without what the recorder adds itself. */
export type Happening = Omit<Entry, "version" | "log" | "id" | "writer" | "time"> & {
	/** Of the entry, where several record the same (see {@link idFrom}); otherwise a new one. */
	readonly id?: string;
	/** When it happened, if that was before now. */
	readonly time?: EntryTime;
};

/** The id that everybody gives what has this name: a UUID of version 8 (RFC 9562) out of its SHA-256. */
export function idFrom(name: string): string {
	const bytes = sha256(Buffer.from(name)).subarray(0, 16);
	bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f);
	bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
	const hex = bytes.toString("hex");
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What a {@link Recorder} works with. */
export type RecorderOptions = {
	readonly spool: Spool;
	readonly signer: Signer;
	/** The name of the log. */
	readonly log: string;
	/** Of whoever records: stays the same for as long as its spool. */
	readonly writer: string;
	readonly clock: () => EntryTime;
};

/** How far wall clock and timer may drift apart from one entry to the next before somebody has set the clock: milliseconds. */
const driftMilliseconds = 1_000;
/** The same where time would seem to go back. */
const backMilliseconds = 0.5;
/** Most of a torn record that is kept in an entry: bytes. */
const mostTornBytes = 2_000;

/**
 * Turns what happens into signed entries on the disk. Before the next entry it records by itself what makes the record hard to
 * read: each damage that the spool had when it was opened, and each time that somebody set the clock.
 */
export class Recorder {
	readonly #options: RecorderOptions;
	/** To be recorded before the next entry. */
	#owed: readonly Happening[];
	#last: EntryTime | undefined;
	/** One for all entries, which are kept for as long as the store is away. */
	readonly #key: Buffer;

	constructor(options: RecorderOptions) {
		const { spool, writer } = options;
		this.#options = options;
		this.#owed = spool.damages.map((damage) => recovered(damage, writer));
		this.#last = spool.last && timeOf(spool.last);
		this.#key = spkiOf(options.signer.publicKey);
	}

	/**
	 * Records what happened, with the time of this call; resolves with its counter when it is on the disk. Throws `ENTRY` for
	 * what cannot be an entry, `SIGN`, and `SPOOL`.
	 */
	record({ time = this.#options.clock(), ...happening }: Happening): Promise<number> {
		const notes = [...this.#owed, ...stepped(this.#last, time, this.#options.writer)];
		this.#owed = [];
		this.#last = time;
		for (const note of notes) {
			this.#append(note, time).catch(() => {
				// Whoever records now is told of the same failure; the note comes with the next entry.
				this.#owed = [...this.#owed, note];
			});
		}
		return this.#append(this.#afterBefore(happening), time);
	}

	/** The entry that a component began says how far it had come in the epoch before: who holds that against the log sees a lost end. */
	#afterBefore(happening: Happening): Happening {
		const { before } = this.#options.spool;
		if (happening.kind !== "Started" || before === undefined) return happening;
		const metadata = { epochBefore: before.epoch, entriesBefore: String(before.entries) };
		return { ...happening, metadata: { ...happening.metadata, ...metadata } };
	}

	#append({ id = randomUUID(), ...happening }: Happening, time: EntryTime): Promise<number> {
		const { spool, signer, log, writer } = this.#options;
		const fixed = { version: 1, log, id, time } as const;
		return spool.append(async (place) => {
			const entry = encodeEntry({ ...happening, ...fixed, writer: { id: writer, ...place } });
			return { entry, signature: await signer.sign(entry), key: this.#key };
		});
	}
}

/** The entry that the clock was set, if it was. */
function stepped(last: EntryTime | undefined, now: EntryTime, writer: string): readonly Happening[] {
	if (last === undefined) return [];
	const passed = Date.parse(now.wall) - Date.parse(last.wall) + microseconds(now) - microseconds(last);
	const isSameRun = now.boot === last.boot;
	// Of another run of the machine the timers cannot be compared: then only a clock that went back shows.
	const timer = isSameRun ? Number(BigInt(now.monotonic) - BigInt(last.monotonic)) / 1e6 : 0;
	const drift = passed - timer;
	const isBack = passed < 0 && drift < -backMilliseconds;
	if (!isBack && (!isSameRun || Math.abs(drift) <= driftMilliseconds)) return [];
	const metadata = {
		...{ before: last.wall, after: now.wall, sameRunOfMachine: String(isSameRun) },
		byMilliseconds: String(Math.round(drift)),
	};
	return [
		{
			...{ kind: "ClockStepped", action: "step", actor: { name: writer } },
			entity: clockOf(writer),
			metadata,
		},
	];
}

const clockOf = (writer: string) => ({ type: "Clock", id: writer });

/** Those that JavaScript's times leave out: milliseconds. */
function microseconds({ wall }: EntryTime): number {
	return Number(wall.slice(-4, -1)) / 1_000;
}

function recovered(damage: Damage, writer: string): Happening {
	const common = {
		...({ kind: "SpoolRecovered", action: damage.kind } as const),
		...{ actor: { name: writer }, entity: { type: "Spool", id: writer } },
	};
	const file = basename(damage.file);
	switch (damage.kind) {
		case "Torn": {
			const begin = damage.bytes.subarray(0, mostTornBytes).toString("base64");
			return { ...common, metadata: { file, bytes: String(damage.bytes.length), begin } };
		}
		case "Damaged":
			return { ...common, metadata: { file, epoch: damage.epoch, counter: String(damage.counter) } };
	}
}

function timeOf({ entry }: Signed): EntryTime | undefined {
	try {
		return decodeEntry(entry).time;
	} catch {
		// What is no entry the log refuses, and says so.
		return undefined;
	}
}
