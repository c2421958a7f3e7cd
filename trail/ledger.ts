import { decodeEntry } from "../audit/entry.ts";
import { AuditError, isAuditError } from "../audit/error.ts";
import type { Signed } from "../audit/format/leaf.ts";
import { Leader, type LeaderRound } from "../audit/log/leader.ts";
import type { Appended } from "../audit/log/outcome.ts";
import type { SequencerOptions } from "../audit/log/sequencer.ts";
import type { LogReader } from "./log-reader.ts";
import type { Metrics } from "./metrics.ts";
import type { StoreHealth } from "./store-health.ts";

/** What a {@link Ledger} works with. */
export type LedgerOptions = SequencerOptions & {
	readonly reader: LogReader;
	readonly health: StoreHealth;
	readonly metrics: Metrics;
	/** Told of each failure; it is tried again. Must not throw. */
	readonly onFailed: (where: string, error: unknown) => void;
};

/** Takes entries, has them sequenced, and keeps count. Nothing is sequenced before {@link open} was called. */
export class Ledger {
	readonly #options: LedgerOptions;
	readonly #leader: Leader;
	/** Calls under way, the oldest first: since when, in milliseconds of `performance.now()`. */
	readonly #waiting = new Set<{ readonly since: number }>();
	#isOpen = false;

	constructor(options: LedgerOptions) {
		this.#options = options;
		const { metrics, onFailed } = options;
		this.#leader = new Leader({
			...options,
			onFailed: (error) => {
				options.health.failed(error);
				// Two trails on one log meet like this: it is no failure.
				if (isAuditError(error, "FENCED")) metrics.failures.inc({ where: "Round", code: error.code });
				else onFailed("Round", error);
			},
			onRound: (round) => this.#count(round),
			onCosignFailed: (error) => {
				metrics.witnessFailures.inc();
				onFailed("Witness", error);
			},
		});
	}

	/** The store is known to be one that a record may be kept in. */
	open(): void {
		this.#isOpen = true;
	}

	get isOpen(): boolean {
		return this.#isOpen;
	}

	/** Since when the oldest entries wait; undefined: none do. */
	get waitingSince(): number | undefined {
		return this.#waiting.values().next().value?.since;
	}

	/** Resolves when the entries are in the store, under a checkpoint. Throws `STORE` when nobody knows whether they are. */
	async append(signed: readonly Signed[], signal?: AbortSignal): Promise<readonly Appended[]> {
		if (!this.#isOpen) throw new AuditError("STORE", "the store was not found good yet");
		const call = { since: performance.now() };
		this.#waiting.add(call);
		try {
			const outcomes = await this.#leader.append(signed, signal);
			const refused = outcomes.filter(({ kind }) => kind === "Refused").length;
			if (refused > 0) this.#options.metrics.refused.inc(refused);
			return outcomes;
		} finally {
			this.#waiting.delete(call);
		}
	}

	/** Ends after the call to the store that is under way. */
	stop(): Promise<void> {
		return this.#leader.stop();
	}

	#count({ first, signed, seconds }: LeaderRound): void {
		const { metrics, health, reader } = this.#options;
		health.kept();
		metrics.rounds.inc();
		metrics.roundSeconds.observe(seconds);
		metrics.size.set(first + signed.length);
		metrics.lastStored.setToCurrentTime();
		for (const { entry } of signed) metrics.entries.inc({ kind: decodeEntry(entry).kind });
		reader.wrote(first, signed);
	}
}
