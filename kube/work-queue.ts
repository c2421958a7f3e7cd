import { type Backoff, backoffDelay, wait } from "./backoff.ts";

/** What a pass may ask for: to be run again after a time although nothing failed. */
export type PassResult = { readonly requeueAfterMilliseconds?: number } | undefined;

/** A pass that threw. `interrupted` passes are run again at once and do not count as failures. */
export type PassFailure = {
	readonly key: string;
	readonly error: unknown;
	readonly interrupted: boolean;
	/** Failures of this key in a row, this one included. */
	readonly failures: number;
	readonly retryInMilliseconds: number;
};

export type PassRecord = { readonly key: string; readonly seconds: number; readonly failed: boolean };

export type WorkQueueOptions = {
	readonly name: string;
	/** How many keys may be worked on at once. */
	readonly concurrency: number;
	/** Brings one key to where it should be. Level-based: it reads what is so now, whatever made it run. */
	readonly pass: (key: string, signal: AbortSignal) => Promise<PassResult>;
	readonly backoff?: Backoff;
	/** Must not throw, like `onPass`. */
	readonly onError: (failure: PassFailure) => void;
	readonly onPass?: (record: PassRecord) => void;
};

type Entry = {
	running: AbortController | undefined;
	/** Added while running: exactly one more pass follows. */
	again: boolean;
	/** Goes before the others. */
	urgent: boolean;
	failures: number;
	/** Set while the key backs off or waits for its requeue time. */
	timer: NodeJS.Timeout | undefined;
	/** Set while wake-ups are gathered. */
	gathering: NodeJS.Timeout | undefined;
};

const defaultBackoff: Backoff = { baseMilliseconds: 50, factor: 2, capMilliseconds: 10_000 };

/**
 * Runs one pass per key at a time. A key that is added while its pass runs gets exactly one more, so no wake-up
 * is lost and none is done twice; a pass that fails is repeated with a growing pause, which an `add` ends.
 */
export class WorkQueue {
	readonly #options: WorkQueueOptions;
	readonly #entries = new Map<string, Entry>();
	readonly #ready = new Set<string>();
	readonly #urgent = new Set<string>();
	readonly #passes = new Set<Promise<void>>();
	#stopped = false;

	constructor(options: WorkQueueOptions) {
		this.#options = options;
	}

	get name(): string {
		return this.#options.name;
	}

	/** Keys ready to run and keys running, for metrics. */
	get depth(): { readonly ready: number; readonly running: number } {
		return { ready: this.#ready.size + this.#urgent.size, running: this.#passes.size };
	}

	/** Runs a pass for `key` as soon as there is a place, also when it was backing off. Nothing after `stop`. */
	add(key: string): void {
		this.#add(key, false);
	}

	/**
	 * Like `add`, after a time in which further calls for this key change nothing: many wake-ups become one pass.
	 */
	addAfter(key: string, milliseconds: number): void {
		if (this.#stopped) return;
		const entry = this.#entry(key);
		entry.gathering ??= setTimeout(() => {
			entry.gathering = undefined;
			this.add(key);
		}, milliseconds);
	}

	/** Ends the running pass of `key` through its signal and runs it again before all others. */
	interrupt(key: string): void {
		this.#entries.get(key)?.running?.abort(new Error(`${this.#options.name}: ${key} was interrupted`));
		this.#add(key, true);
	}

	/**
	 * Starts no more passes and waits for the running ones; those that still run at the deadline are aborted and
	 * their keys returned.
	 */
	async stop(options: { readonly deadlineMilliseconds?: number } = {}): Promise<readonly string[]> {
		this.#stopped = true;
		this.#ready.clear();
		this.#urgent.clear();
		for (const { timer, gathering } of this.#entries.values()) {
			clearTimeout(timer);
			clearTimeout(gathering);
		}
		const finished = new AbortController();
		const all = Promise.all(this.#passes).then(() => finished.abort());
		await Promise.race([all, wait(options.deadlineMilliseconds ?? 5_000, finished.signal)]);
		const unfinished: string[] = [];
		for (const [key, entry] of this.#entries) {
			if (entry.running === undefined) continue;
			entry.running.abort(new Error(`${this.#options.name}: stopped`));
			unfinished.push(key);
		}
		return unfinished;
	}

	#add(key: string, urgent: boolean): void {
		if (this.#stopped) return;
		const entry = this.#entry(key);
		clearTimeout(entry.timer);
		entry.timer = undefined;
		if (entry.running !== undefined) {
			entry.again = true;
			entry.urgent ||= urgent;
			return;
		}
		if (urgent) {
			this.#ready.delete(key);
			this.#urgent.add(key);
		} else if (!this.#urgent.has(key)) {
			this.#ready.add(key);
		}
		this.#startNext();
	}

	#entry(key: string): Entry {
		let entry = this.#entries.get(key);
		if (entry === undefined) {
			entry = {
				running: undefined,
				again: false,
				urgent: false,
				failures: 0,
				timer: undefined,
				gathering: undefined,
			};
			this.#entries.set(key, entry);
		}
		return entry;
	}

	#startNext(): void {
		for (const line of [this.#urgent, this.#ready]) {
			for (const key of line) {
				if (this.#passes.size >= this.#options.concurrency) return;
				line.delete(key);
				const pass = this.#runPass(key, this.#entry(key));
				this.#passes.add(pass);
				void pass.finally(() => {
					this.#passes.delete(pass);
					this.#startNext();
				});
			}
		}
	}

	async #runPass(key: string, entry: Entry): Promise<void> {
		const { pass, onError, onPass } = this.#options;
		const controller = new AbortController();
		entry.running = controller;
		const startedAt = performance.now();
		let next: PassResult;
		let failure: PassFailure | undefined;
		try {
			next = await pass(key, controller.signal);
			entry.failures = 0;
		} catch (error) {
			failure = this.#judge(key, entry, error, controller.signal.aborted);
		}
		entry.running = undefined;
		this.#schedule(key, entry, failure?.retryInMilliseconds ?? next?.requeueAfterMilliseconds);
		onPass?.({ key, seconds: (performance.now() - startedAt) / 1000, failed: failure !== undefined });
		if (failure !== undefined) onError(failure);
	}

	#judge(key: string, entry: Entry, error: unknown, interrupted: boolean): PassFailure {
		if (!interrupted) entry.failures += 1;
		const { failures } = entry;
		const pause = backoffDelay(this.#options.backoff ?? defaultBackoff, failures);
		return { key, error, interrupted, failures, retryInMilliseconds: interrupted ? 0 : pause };
	}

	#schedule(key: string, entry: Entry, milliseconds: number | undefined): void {
		if (this.#stopped) return;
		const { again, urgent } = entry;
		entry.again = false;
		entry.urgent = false;
		if (again) {
			this.#add(key, urgent);
		} else if (milliseconds !== undefined) {
			entry.timer = setTimeout(() => this.#add(key, false), milliseconds);
		} else if (entry.gathering === undefined) {
			this.#entries.delete(key);
		}
	}
}
