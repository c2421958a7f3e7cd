import { setTimeout as sleep } from "node:timers/promises";
import { AuditError } from "./error.ts";
import type { Signed } from "./format/leaf.ts";
import { type Appended, mostInRound } from "./log/outcome.ts";
import type { Spool } from "./spool/spool.ts";

/** Gives entries to whoever sequences them; resolves when they are in the store, under a checkpoint. */
export type HandOver = (signed: readonly Signed[]) => Promise<readonly Appended[]>;

/** Settings of a {@link Drain}. None of the hooks may throw. */
export type DrainOptions = {
	readonly spool: Spool;
	readonly handOver: HandOver;
	/** Told each time that it did not work; it is tried again. */
	readonly onFailed: (error: unknown) => void;
	/** Told of entries that the log has now, with the time from the oldest of them being seen waiting. */
	readonly onDone?: (count: number) => void;
	/** How long to wait for entries, or after a failure: milliseconds. */
	readonly pauseMilliseconds?: number;
};

const pauseMilliseconds = 200;
const longestPauseMilliseconds = 10_000;

/** Brings what is in a spool into the log, in order, for as long as it takes. */
export class Drain {
	readonly #options: DrainOptions;
	readonly #stopped = new AbortController();
	#work: Promise<void> = Promise.resolve();
	#behindSince: number | undefined;
	#failure: string | undefined;

	constructor(options: DrainOptions) {
		this.#options = options;
	}

	start(): void {
		this.#work = this.#drain();
	}

	/** Stops after what is under way. */
	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#work;
	}

	/** For how long entries have been waiting, and why; undefined: all that is recorded is in the log. */
	behind():
		| { readonly milliseconds: number; readonly entries: number; readonly why: string | undefined }
		| undefined {
		const entries = this.#options.spool.length;
		if (entries === 0 || this.#behindSince === undefined) return undefined;
		return { milliseconds: performance.now() - this.#behindSince, entries, why: this.#failure };
	}

	async #drain(): Promise<void> {
		const { pauseMilliseconds: pause = pauseMilliseconds } = this.#options;
		let failures = 0;
		while (!this.#stopped.signal.aborted) {
			const isMore = await this.#once().then(
				(found) => {
					failures = 0;
					return found;
				},
				(error: unknown) => {
					failures += 1;
					this.#failure = error instanceof Error ? error.message : String(error);
					this.#options.onFailed(error);
					return false;
				},
			);
			if (isMore) continue;
			const wait = Math.min(longestPauseMilliseconds, pause * 2 ** Math.min(failures, 10));
			await sleep(wait, undefined, { signal: this.#stopped.signal }).catch(() => {});
		}
	}

	/** True when there was something. */
	async #once(): Promise<boolean> {
		const { spool, handOver, onDone } = this.#options;
		const oldest = await spool.oldest(mostInRound);
		if (oldest.length === 0) {
			this.#behindSince = undefined;
			return false;
		}
		this.#behindSince ??= performance.now();
		const outcomes = await handOver(oldest.map(({ signed }) => signed));
		const refused = outcomes.findIndex(({ kind }) => kind === "Refused");
		const done = oldest.slice(0, refused < 0 ? outcomes.length : refused);
		await spool.done(done);
		onDone?.(done.length);
		const outcome = outcomes[refused];
		if (outcome?.kind === "Refused") {
			// Nothing that comes after it can be in the log before it: somebody has to look.
			throw new AuditError(
				"ENTRY",
				`the log refuses entry ${oldest[refused]?.counter} of this spool: ${outcome.why}`,
			);
		}
		this.#failure = undefined;
		return true;
	}
}
