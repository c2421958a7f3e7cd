import { join } from "node:path";
import { AuditError, messageOf } from "../error.ts";
import type { Signed } from "../format/leaf.ts";
import { encodeRecord } from "../format/line.ts";
import { type AppendFile, diskFiles, oneAtATime, type SpoolFiles } from "./files.ts";
import { lockFile } from "./lock.ts";
import {
	type Damage,
	doneFile,
	type Recovered,
	recover,
	type Segment,
	type Spooled,
	waitingIn,
} from "./recover.ts";
import { scan, segmentFile } from "./segment.ts";

/** Makes the signed entry with this epoch and counter. What it throws goes to whoever appends; the counter is not used up. */
export type Make = (place: { readonly epoch: string; readonly counter: number }) => Promise<Signed>;

type Waiting = {
	readonly make: Make;
	readonly resolve: (counter: number) => void;
	readonly reject: (error: unknown) => void;
};

/** Bytes after which another file is begun: what is read again at once takes some milliseconds. */
const mostSegmentBytes = 512 * 2 ** 10;
/** A store may lose what it has acknowledged while its own disks are not synced: files stay this long. */
const keepMilliseconds = 24 * 3_600_000;
const mostUsed = 0.8;

/**
 * Entries on the local disk until they are in the log. What {@link append} has returned for survives the process and the
 * machine. One process at a time. Each begins an epoch, which counts from 0 without a gap: where somebody sets the folder back, or
 * copies it, what is new has no number that the log knows already.
 */
export class Spool {
	readonly epoch: string;
	/** What was wrong when it was opened. */
	readonly damages: readonly Damage[];
	/** The last entry that was in it when it was opened. */
	readonly last: Signed | undefined;
	/** The epoch before this one, and how many entries it has as far as the folder tells. */
	readonly before: Recovered["before"];
	readonly #dir: string;
	readonly #files: SpoolFiles;
	readonly #release: () => void;
	/** With records that are not in the log yet, oldest first. */
	readonly #segments: Segment[];
	readonly #waiting: Waiting[] = [];
	#file: AppendFile | undefined;
	/** By epoch: the counter of the first entry that is not known to be in the log. */
	readonly #done: Record<string, number>;
	#ordinal: number;
	#next = 0;
	#working: Promise<void> | undefined;
	#failure: string | undefined;
	#isClosed = false;

	private constructor(dir: string, files: SpoolFiles, release: () => void, found: Recovered) {
		this.#dir = dir;
		this.#files = oneAtATime(files);
		this.#release = release;
		this.epoch = found.epoch;
		this.damages = found.damages;
		this.last = found.newest;
		this.before = found.before;
		this.#segments = found.segments;
		this.#done = found.done;
		this.#ordinal = found.ordinal;
	}

	/** Opens the spool in this folder, which is made, and begins an epoch. A torn last record is cut off. Throws `SPOOL`. */
	static async open(dir: string, files: SpoolFiles = diskFiles): Promise<Spool> {
		let release = () => {};
		try {
			const names = await files.names(dir);
			release = lockFile(join(dir, "lock.db")).release;
			return new Spool(dir, files, release, await recover(dir, files, names));
		} catch (cause) {
			release();
			if (cause instanceof AuditError) throw cause;
			throw new AuditError("SPOOL", `the spool ${dir} cannot be opened: ${messageOf(cause)}`, { cause });
		}
	}

	/** Why what is recorded may not be durable, or soon not be; undefined: all is well. */
	async problem(): Promise<string | undefined> {
		if (this.#failure !== undefined) return this.#failure;
		const path = this.#file === undefined ? undefined : this.#segments.at(-1)?.path;
		try {
			if (path !== undefined) await this.#files.changedAt(path);
		} catch (error) {
			return `${path} was taken away while it is written to: ${messageOf(error)}`;
		}
		const used = await this.#used();
		return used > mostUsed ? `the disk of ${this.#dir} is ${Math.round(used * 100)} % full` : undefined;
	}

	/** Part of the disk that is used; 0 where it does not say. */
	#used(): Promise<number> {
		return this.#files.used(this.#dir).catch(() => 0);
	}

	/** Entries that are not in the log yet. */
	get length(): number {
		return this.#segments.reduce((sum, { from, end }) => sum + end - from, 0);
	}

	/** Counter of the first entry of this epoch that is not known to be in the log. */
	get stored(): number {
		return this.#done[this.epoch] ?? 0;
	}

	/**
	 * Records an entry; resolves with its counter when it is on the disk. Those that come while others are written go there together.
	 * Throws `SPOOL`, and what `make` throws, also that of one before it: none goes before it.
	 */
	append(make: Make): Promise<number> {
		return new Promise((resolve, reject) => {
			this.#waiting.push({ make, resolve, reject });
			this.#working ??= this.#work();
		});
	}

	/** The oldest entries that are not in the log yet: those of one epoch, at most so many. Throws `SPOOL`. */
	async oldest(most: number): Promise<readonly Spooled[]> {
		const waiting = this.#waitingSegments();
		const oldest: Spooled[] = [];
		for (const segment of waiting.filter(({ epoch }) => epoch === waiting[0]?.epoch)) {
			if (oldest.length >= most) break;
			oldest.push(...(await this.#recordsOf(segment)).slice(0, most - oldest.length));
		}
		return oldest;
	}

	/** These are in the log. The files stay for a day. Throws `SPOOL`: then they are handed over again, which does no harm. */
	async done(spooled: readonly Spooled[]): Promise<void> {
		for (const { epoch, counter } of spooled) {
			this.#done[epoch] = Math.max(this.#done[epoch] ?? 0, counter + 1);
		}
		for (const segment of this.#segments) {
			const from = Math.min(segment.end, Math.max(segment.from, this.#done[segment.epoch] ?? 0));
			segment.records?.splice(0, from - segment.from);
			segment.from = from;
		}
		this.#forget();
		await this.#try("what is in the log cannot be noted", () => this.#tidy());
	}

	#waitingSegments(): readonly Segment[] {
		return this.#segments.filter(({ from, end }) => from < end);
	}

	async #recordsOf(segment: Segment): Promise<readonly Spooled[]> {
		if (segment.records !== undefined) return segment.records;
		await this.#try(`${segment.path} cannot be read`, async () => {
			const { records } = scan(await this.#files.read(segment.path));
			segment.records = waitingIn(segment, records);
		});
		const found = segment.records ?? [];
		if (found.length === segment.end - segment.from) return found;
		segment.records = undefined;
		throw new AuditError("SPOOL", `${segment.path} holds other entries than were written to it`);
	}

	/** Of a long outage only the files at both ends are kept in memory. */
	#forget(): void {
		for (const segment of this.#waitingSegments().slice(1)) {
			if (segment !== this.#segments.at(-1)) segment.records = undefined;
		}
	}

	/** Waits for what is being written, and lets go of the folder. */
	async close(): Promise<void> {
		this.#isClosed = true;
		await this.#working;
		await this.#file?.close();
		this.#release();
	}

	async #work(): Promise<void> {
		// What comes in the same turn goes together.
		await Promise.resolve();
		while (this.#waiting.length > 0) {
			const round = this.#waiting.splice(0);
			const made: { readonly one: Waiting; readonly spooled: Spooled }[] = [];
			for (const [at, one] of round.entries()) {
				const counter = this.#next + made.length;
				try {
					const place = { epoch: this.epoch, counter };
					made.push({ one, spooled: { ...place, signed: await one.make(place) } });
				} catch (error) {
					one.reject(error);
					// In the order in which they came, or not at all.
					for (const later of round.slice(at + 1)) later.reject(error);
					break;
				}
			}
			if (made.length === 0) continue;
			try {
				if (this.#isClosed) throw new AuditError("SPOOL", "the spool is closed");
				await this.#write(made.map(({ spooled }) => spooled));
				for (const { one, spooled } of made) one.resolve(spooled.counter);
			} catch (error) {
				for (const { one } of made) one.reject(error);
			}
		}
		// In the same turn as the last look: what comes after it finds nobody at work.
		this.#working = undefined;
	}

	async #write(spooled: readonly Spooled[]): Promise<void> {
		await this.#try(`what happened was not recorded in ${this.#dir}`, async () => {
			const bytes = Buffer.concat(spooled.map(({ signed }) => encodeRecord(signed)));
			const segment = await this.#segment();
			try {
				await this.#file?.append(bytes);
			} catch (error) {
				// What is on the disk now nobody knows, and to sync again tells nothing: another file takes its place.
				const file = this.#file;
				this.#file = undefined;
				await file?.close().catch(() => {});
				throw error;
			}
			segment.records?.push(...spooled);
			segment.end += spooled.length;
			segment.size += bytes.length;
			segment.writtenAt = Date.now();
			this.#next += spooled.length;
		});
	}

	/** The file to append to. */
	async #segment(): Promise<Segment> {
		const last = this.#segments.at(-1);
		if (this.#file !== undefined && last !== undefined && last.size < mostSegmentBytes) return last;
		await this.#file?.close();
		this.#file = undefined;
		this.#ordinal += 1;
		const name = { epoch: this.epoch, ordinal: this.#ordinal, first: this.#next };
		const path = join(this.#dir, segmentFile(name));
		this.#file = await this.#files.create(this.#dir, path);
		const segment: Segment = {
			...name,
			path,
			size: 0,
			from: this.#next,
			end: this.#next,
			records: [],
			writtenAt: Date.now(),
		};
		this.#segments.push(segment);
		this.#forget();
		return segment;
	}

	/** Removes files that are wholly in the log, when they are old or the disk is nearly full, and notes what is in it. */
	async #tidy(): Promise<void> {
		const isFull = (await this.#used()) > mostUsed;
		for (const segment of this.#segments.slice(0, -1)) {
			if (segment.from < segment.end) continue;
			if (Date.now() - segment.writtenAt < keepMilliseconds && !isFull) continue;
			await this.#files.remove(segment.path);
			this.#segments.splice(this.#segments.indexOf(segment), 1);
		}
		for (const epoch of Object.keys(this.#done)) {
			const isThere = epoch === this.epoch || this.#segments.some((one) => one.epoch === epoch);
			if (!isThere) delete this.#done[epoch];
		}
		await this.#files.replace(this.#dir, join(this.#dir, doneFile), `${JSON.stringify(this.#done)}\n`);
	}

	async #try(failure: string, act: () => Promise<void>): Promise<void> {
		try {
			await act();
			this.#failure = undefined;
		} catch (cause) {
			this.#failure = `${failure}: ${messageOf(cause)}`;
			throw cause instanceof AuditError ? cause : new AuditError("SPOOL", this.#failure, { cause });
		}
	}
}
