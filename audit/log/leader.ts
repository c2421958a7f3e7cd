import { setTimeout as sleep } from "node:timers/promises";
import { AuditError } from "../error.ts";
import type { Signed } from "../format/leaf.ts";
import { batchPath } from "../layout.ts";
import { type Appended, mostInRound } from "./outcome.ts";
import { Sequencer, type SequencerOptions } from "./sequencer.ts";

type Waiting = {
	readonly signed: readonly Signed[];
	readonly signal: AbortSignal | undefined;
	readonly resolve: (outcomes: readonly Appended[]) => void;
	readonly reject: (error: unknown) => void;
};

/** Entries that a round has brought into the log. */
export type LeaderRound = {
	/** Index of the first of them. */
	readonly first: number;
	readonly signed: readonly Signed[];
	/** How long it took from the first call to the store. */
	readonly seconds: number;
};

/** Settings of a {@link Leader}. */
export type LeaderOptions = SequencerOptions & {
	/** Told each time that a round failed; it is tried again. Must not throw. */
	readonly onFailed: (error: unknown) => void;
	/** Told of each round that is in the store. Must not throw. */
	readonly onRound?: (round: LeaderRound) => void;
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

	/**
	 * Appends at most {@link mostInRound} entries; resolves when they are in the store. Throws only when it is stopped, or when
	 * `signal` says that nobody waits any more: then nobody knows whether they are in.
	 */
	append(signed: readonly Signed[], signal?: AbortSignal): Promise<readonly Appended[]> {
		if (signed.length > mostInRound) throw new RangeError(`a round of ${signed.length} entries`);
		return new Promise((resolve, reject) => {
			if (this.#stopped.signal.aborted || signal?.aborted === true) {
				reject(givenUp(this.#stopped.signal.aborted));
				return;
			}
			const waiting: Waiting = { signed, signal, resolve, reject };
			this.#waiting.push(waiting);
			// One that is in a round under way is let go when that has failed.
			signal?.addEventListener("abort", () => this.#letGo(waiting), { once: true });
			this.#working ??= this.#work();
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
			reject(givenUp(true));
		}
	}

	#letGo(waiting: Waiting): void {
		const at = this.#waiting.indexOf(waiting);
		if (at < 0) return;
		this.#waiting.splice(at, 1);
		waiting.reject(givenUp(false));
	}

	async #work(): Promise<void> {
		const { signal } = this.#stopped;
		for (let failures = 0; this.#waiting.length > 0 && !signal.aborted; ) {
			const round = this.#take();
			try {
				const outcomes = await this.#append(round.flatMap((one) => one.signed));
				let at = 0;
				for (const { signed, resolve } of round) {
					resolve(outcomes.slice(at, at + signed.length));
					at += signed.length;
				}
				failures = 0;
			} catch (error) {
				this.#sequencer = undefined;
				this.#waiting.unshift(...round);
				for (const one of round) if (one.signal?.aborted === true) this.#letGo(one);
				this.#options.onFailed(error);
				const pause = (this.#options.pauseMilliseconds ?? pauseMilliseconds) * 2 ** Math.min(failures, 10);
				failures += 1;
				await sleep(Math.min(longestPauseMilliseconds, pause), undefined, { signal }).catch(() => {});
			}
		}
		// In the same turn as the last look: what comes after it finds nobody at work.
		this.#working = undefined;
	}

	async #append(signed: readonly Signed[]): Promise<readonly Appended[]> {
		this.#sequencer ??= await Sequencer.open(this.#options);
		const outcomes = await this.#round(this.#sequencer, signed);
		if (!outcomes.some(({ kind }) => kind === "Refused")) return outcomes;
		if ((await this.#options.store.get(batchPath(this.#sequencer.size))) === undefined) return outcomes;
		// Another leader has gone on: what was refused may be the next one of its writer now.
		this.#sequencer = await Sequencer.open(this.#options);
		const again = await this.#round(this.#sequencer, signed);
		return outcomes.map((one, at) => (one.kind === "Refused" ? (again[at] ?? one) : one));
	}

	async #round(sequencer: Sequencer, signed: readonly Signed[]): Promise<readonly Appended[]> {
		const startedAt = performance.now();
		const outcomes = await sequencer.append(signed);
		const appended = signed.filter((_, at) => outcomes[at]?.kind === "Appended");
		if (appended.length > 0) {
			const seconds = (performance.now() - startedAt) / 1_000;
			this.#options.onRound?.({ first: sequencer.size - appended.length, signed: appended, seconds });
		}
		return outcomes;
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

function givenUp(isStopped: boolean): AuditError {
	return new AuditError(
		"STORE",
		isStopped ? "this leader has stopped" : "nobody waits for these entries any more",
	);
}
