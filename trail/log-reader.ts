import { decodeEntry } from "../audit/entry.ts";
import { AuditError } from "../audit/error.ts";
import type { Signed } from "../audit/format/leaf.ts";
import { decodeLine, linesOf } from "../audit/format/line.ts";
import { batchPath, checkpointPath, folders, manifestPath, numberOf } from "../audit/layout.ts";
import { lastNumbered, type Reading } from "../audit/store/store.ts";
import { type DeskEntry, DeskStates } from "./states.ts";

/** What `GET /states` answers. */
export type StatesAnswer = {
	/** Entries that the log had when it was last looked at. */
	readonly size: number;
	/** False: older entries were not read, and a desk that has been quiet for long may not be among these. */
	readonly isComplete: boolean;
	/** False: the store did not answer when this was asked, and something later may be in the log. */
	readonly isCurrent: boolean;
	readonly states: readonly DeskEntry[];
};

/** Entries that are read back from the end at most. */
const mostEntries = 20_000;
/** Batches that are read at once. */
const readsAtOnce = 8;

/**
 * Follows the end of a log in the store, whoever writes it. Only what a manifest ends is read, and what is locked nobody can
 * change: signatures were checked by whoever sequenced it.
 */
export class LogReader {
	readonly #store: Reading;
	readonly #most: number;
	readonly #states = new DeskStates();
	#size: number | undefined;
	#isComplete = false;
	#checkpoint: { readonly size: number; readonly note: string } | undefined;
	#looking: Promise<void> | undefined;

	constructor(store: Reading, most: number = mostEntries) {
		this.#store = store;
		this.#most = most;
	}

	/** Entries in the log when it was last looked at; undefined: it was not yet. */
	get size(): number | undefined {
		return this.#size;
	}

	/** Looks what has come; those who ask at the same time share one look. Throws what the store throws. */
	look(): Promise<void> {
		this.#looking ??= this.#look().finally(() => {
			this.#looking = undefined;
		});
		return this.#looking;
	}

	/** Told of a round that has just been written, which then need not be read. */
	wrote(first: number, signed: readonly Signed[]): void {
		if (first !== (this.#size ?? 0) || this.#looking !== undefined) return;
		if (this.#size === undefined && first > 0) return;
		this.#isComplete ||= first === 0;
		this.#note(first, signed);
		this.#size = first + signed.length;
	}

	/** Undefined: the log was not read yet. */
	states(isCurrent: boolean): StatesAnswer | undefined {
		if (this.#size === undefined) return undefined;
		const [size, isComplete] = [this.#size, this.#isComplete];
		return { size, isComplete, isCurrent, states: this.#states.all() };
	}

	/** The note of the last checkpoint that was seen; undefined: the log is empty. Throws what the store throws. */
	async checkpoint(): Promise<string | undefined> {
		await this.look();
		const size = this.#size ?? 0;
		if (size === 0) return undefined;
		if (this.#checkpoint?.size !== size) {
			this.#checkpoint = { size, note: (await this.#read(checkpointPath(size))).toString() };
		}
		return this.#checkpoint.note;
	}

	async #look(): Promise<void> {
		if (this.#size === undefined) return this.#begin();
		// What ends a round tells where the next one begins.
		let known = this.#size;
		for (;;) {
			const after = known === 0 ? folders.manifest : `${manifestPath(known)}~`;
			const keys = await this.#store.list(folders.manifest, { after, most: 1_000 });
			const sizes = keys.flatMap((key) => numberOf(key) ?? []);
			if (sizes.length === 0) return;
			for (const size of sizes) {
				// A round that was written meanwhile was told of.
				if (size <= known) continue;
				this.#note(known, await this.#batch(known));
				known = size;
			}
			this.#size = known;
		}
	}

	async #begin(): Promise<void> {
		const size = (await lastNumbered(this.#store, folders.manifest, numberOf)) ?? 0;
		const from = Math.max(0, size - this.#most);
		const after = from === 0 ? folders.batch : batchPath(from - 1);
		const firsts = (await this.#store.list(folders.batch, { after }))
			.flatMap((key) => numberOf(key) ?? [])
			.filter((first) => first < size)
			.reverse();
		for (let at = 0; at < firsts.length; at += readsAtOnce) {
			const some = firsts.slice(at, at + readsAtOnce);
			const batches = await Promise.all(some.map((first) => this.#batch(first)));
			some.forEach((first, one) => {
				this.#note(first, batches[one] ?? []);
			});
		}
		this.#isComplete = from === 0;
		this.#size = size;
	}

	#note(first: number, signed: readonly Signed[]): void {
		signed.forEach(({ entry }, at) => {
			this.#states.note(first + at, decodeEntry(entry));
		});
	}

	async #batch(first: number): Promise<readonly Signed[]> {
		return linesOf(await this.#read(batchPath(first))).map((line) => decodeLine(line));
	}

	async #read(key: string): Promise<Buffer> {
		const bytes = await this.#store.get(key);
		if (bytes === undefined) throw new AuditError("MISSING", `${key} is not in the store`);
		return bytes;
	}
}
