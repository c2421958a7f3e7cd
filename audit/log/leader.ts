import { setTimeout as sleep } from "node:timers/promises";
import { AuditError } from "../error.ts";
import type { Signed } from "../format/leaf.ts";
import { type Appended, mostInRound, Sequencer, type SequencerOptions } from "./sequencer.ts";

type Waiting = {
	readonly signed: readonly Signed[];
	readonly resolve: (outcomes: readonly Appended[]) => void;
	readonly reject: (error: unknown) => void;
};

/** Settings of a {@link Leader}. */
export type LeaderOptions = SequencerOptions & {
	/** Told each time that a round failed; it is tried again. Must not throw. */
	readonly onFailed: (error: unknown) => void;
	readonly pauseMilliseconds?: number;
};

const pauseMilliseconds = 100;
const longestPauseMilliseconds = 5_000;

/**
 * Sequences what several writers hand over, in rounds. When a round fails, or another leader was faster, it finds out anew
 * what is in the store and goes on: what is there already is known then. Two leaders at once are slow, and do no harm.
 */
export class Leader {
	readonly #options: LeaderOptions;
	readonly #waiting: Waiting[] = [];
	readonly #stopped = new AbortController();
	#sequencer: Sequencer | undefined;
	#working: Promise<void> | undefined;

	constructor(options: LeaderOptions) {
		this.#options = options;
	}

	/** Appends at most {@link mostInRound} entries; resolves when they are in the store. Throws only when it is stopped. */
	append(signed: readonly Signed[]): Promise<readonly Appended[]> {
		if (signed.length > mostInRound) throw new RangeError(`a round of ${signed.length} entries`);
		return new Promise((resolve, reject) => {
			if (this.#stopped.signal.aborted) {
				reject(new AuditError("STORE", "this leader has stopped"));
				return;
			}
			this.#waiting.push({ signed, resolve, reject });
			this.#working ??= this.#work().finally(() => {
				this.#working = undefined;
			});
		});
	}

	/** Entries in the log, as far as this leader knows. */
	get size(): number | undefined {
		return this.#sequencer?.size;
	}

	/** Ends after the call under way; whoever waits is told. */
	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#working;
		for (const { reject } of this.#waiting.splice(0)) {
			reject(new AuditError("STORE", "this leader has stopped"));
		}
	}

	async #work(): Promise<void> {
		const { signal } = this.#stopped;
		for (let failures = 0; this.#waiting.length > 0 && !signal.aborted; ) {
			const round = this.#take();
			try {
				this.#sequencer ??= await Sequencer.open(this.#options);
				const outcomes = await this.#sequencer.append(round.flatMap((one) => one.signed));
				let at = 0;
				for (const { signed, resolve } of round) {
					resolve(outcomes.slice(at, at + signed.length));
					at += signed.length;
				}
				failures = 0;
			} catch (error) {
				this.#sequencer = undefined;
				this.#waiting.unshift(...round);
				this.#options.onFailed(error);
				const pause = (this.#options.pauseMilliseconds ?? pauseMilliseconds) * 2 ** Math.min(failures, 10);
				failures += 1;
				await sleep(Math.min(longestPauseMilliseconds, pause), undefined, { signal }).catch(() => {});
			}
		}
	}

	/** As many as fit into one round, in the order in which they came. */
	#take(): Waiting[] {
		const round: Waiting[] = [];
		let count = 0;
		while (this.#waiting[0] !== undefined && count + this.#waiting[0].signed.length <= mostInRound) {
			const next = this.#waiting.shift() as Waiting;
			round.push(next);
			count += next.signed.length;
		}
		return round;
	}
}
