import { type Backoff, wait } from "./backoff.ts";
import type { Client, Priority, Query } from "./client.ts";
import { isKubeError, KubeError } from "./error.ts";
import { type KubeObject, keyOf } from "./object.ts";
import { listPages } from "./pages.ts";
import { Pauses } from "./pauses.ts";
import { type Change, RowStore } from "./row-store.ts";
import { SecondSense } from "./second-sense.ts";
import type { WatchEvent } from "./watch.ts";

export type { Change } from "./row-store.ts";

/** `waiting` is a pause after a failure. */
export type ReflectorState = "listing" | "watching" | "waiting" | "stopped";

/** Times are of `performance.now()`, in milliseconds; `undefined` means never. */
export type Freshness = {
	readonly state: ReflectorState;
	/** The last event, bookmark, accepted watch or completed list. */
	readonly provenAt: number | undefined;
	/** The last time that a row agreed with what its owner had read by itself (`observe`). */
	readonly agreedAt: number | undefined;
};

export type ReflectorOptions<Object extends KubeObject, Row> = {
	readonly client: Pick<Client, "list" | "watch">;
	/** A collection, see `pathOf`. */
	readonly path: string;
	/** `labelSelector`, `fieldSelector`. */
	readonly query?: Query;
	/** What to keep of an object. */
	readonly project: (object: Object) => Row;
	/**
	 * Called in order, after the store has the row. It should only note what to do: the next event waits for it.
	 * What it throws goes to `onError`; the row stays, and no later event is lost.
	 */
	readonly onChange: (change: Change<Row>) => void;
	/** Every failure, of the API server and of `project` and `onChange`. Must not throw, like the other hooks. */
	readonly onError: (error: unknown) => void;
	readonly onState?: (state: ReflectorState) => void;
	readonly onRelist?: (reason: string) => void;
	/** How long the server is asked to keep one watch; how long a half-open one lasts, with the margin. Default 30. */
	readonly watchSeconds?: number;
	/** How much later than `watchSeconds` a silent watch is given up. Default 5 s. */
	readonly marginMilliseconds?: number;
	readonly openMilliseconds?: number;
	/** For each page. */
	readonly listMilliseconds?: number;
	readonly pageSize?: number;
	/** Of the lists. Watches wait for nobody. */
	readonly priority?: Priority;
	/** How long the watch may be behind a read of the owner. Default 500 ms. */
	readonly patienceMilliseconds?: number;
	readonly backoff?: Backoff;
};

/**
 * Keeps rows equal to a collection of the API server by LIST and WATCH, and never gives up. A watch that ends
 * for whatever reason goes on from the last resource version, which loses nothing; where that is in doubt (410,
 * ERROR event, a line that is no event, a read that contradicts) everything is listed again, and what changed
 * or vanished meanwhile is reported as changes.
 */
export class Reflector<Object extends KubeObject, Row> {
	readonly #options: ReflectorOptions<Object, Row>;
	readonly #store: RowStore<Row>;
	readonly #sense: SecondSense;
	readonly #pauses: Pauses;
	readonly #stopped = new AbortController();
	readonly #onSynced = new Set<PromiseWithResolvers<void>>();
	#running: Promise<void> | undefined;
	/** Ends the watch or the pause under way. */
	#interrupt = new AbortController();
	#relistReason: string | undefined = "start";
	#anew = false;
	#doubted = false;
	/** Everything up to here is in the store. */
	#position: string | undefined;
	#synced = false;
	#state: ReflectorState = "listing";
	#provenAt: number | undefined;
	#agreedAt: number | undefined;

	constructor(options: ReflectorOptions<Object, Row>) {
		this.#options = options;
		this.#pauses = new Pauses(options.backoff);
		this.#store = new RowStore((object) => options.project(object as Object));
		const view = { version: (key: string) => this.#store.version(key), position: () => this.#position };
		const patience = options.patienceMilliseconds ?? 500;
		this.#sense = new SecondSense(view, patience, (reason) => this.relist(reason));
	}

	/** By `namespace/name` or `name`. Complete once `synced()` has resolved, and then always. */
	get rows(): ReadonlyMap<string, Row> {
		return this.#store.rows;
	}

	start(): void {
		this.#running ??= this.#run();
	}

	/** Resolves after the first complete list; rejects with `CANCELLED` when stopped before. */
	synced(): Promise<void> {
		if (this.#synced) return Promise.resolve();
		if (this.#stopped.signal.aborted) return Promise.reject(this.#stoppedEarly());
		const waiting = Promise.withResolvers<void>();
		this.#onSynced.add(waiting);
		return waiting.promise;
	}

	freshness(): Freshness {
		return { state: this.#state, provenAt: this.#provenAt, agreedAt: this.#agreedAt };
	}

	/** True from {@link relist} until a list that began after it is in the rows: until then they may be behind. */
	get isDoubted(): boolean {
		return this.#doubted;
	}

	/** Lists everything again, now. `anew`: a version that was seen may mean something else now, every row is told. */
	relist(reason: string, anew = false): void {
		if (this.#stopped.signal.aborted) return;
		this.#anew ||= anew;
		this.#doubted = true;
		this.#relistReason ??= reason;
		this.#interrupt.abort();
	}

	/**
	 * Hands in what the owner read with a plain GET (`undefined` for NotFound). When the row is not the same and
	 * the watch does not catch up in time, or the read shows that history went backwards, everything is listed
	 * again. Reads of one key must be handed in one after the other, in the order they were sent.
	 */
	observe(key: string, read: KubeObject | undefined): void {
		if (this.#stopped.signal.aborted || !this.#synced) return;
		if (this.#sense.observe(key, read?.metadata.resourceVersion)) this.#agreedAt = performance.now();
	}

	/** Ends promptly in every state. Resolves when nothing of it runs any more; do not await it in `onChange`. */
	async stop(): Promise<void> {
		this.#stopped.abort();
		this.#interrupt.abort();
		this.#sense.stop();
		await this.#running;
		this.#enter("stopped");
		for (const waiting of this.#onSynced) waiting.reject(this.#stoppedEarly());
		this.#onSynced.clear();
	}

	async #run(): Promise<void> {
		while (!this.#stopped.signal.aborted) {
			if (this.#interrupt.signal.aborted) this.#interrupt = new AbortController();
			let pause = 0;
			try {
				if (this.#relistReason !== undefined) await this.#listAll();
				else pause = await this.#watchOnce();
			} catch (error) {
				if (this.#stopped.signal.aborted) return;
				// Cancelled by relist(), which is no failure; the reason is already noted.
				if (isKubeError(error, "CANCELLED") && this.#interrupt.signal.aborted) continue;
				pause = this.#noteFailure(error);
			}
			if (pause <= 0) continue;
			this.#enter("waiting");
			await wait(pause, this.#interrupt.signal);
		}
	}

	/** Decides what a failure of a list or watch leads to; returns the pause before the next try. */
	#noteFailure(error: unknown): number {
		this.#options.onError(error);
		if (
			this.#relistReason === undefined &&
			!isKubeError(error, "CONNECTION", "TIMEOUT", "TOO_MANY_REQUESTS")
		) {
			this.#relistReason = isKubeError(error) ? error.code : "failure";
		}
		return this.#pauses.failed(error);
	}

	async #listAll(): Promise<void> {
		const reason = this.#relistReason ?? "start";
		// Cleared before reading: a doubt that is raised from here on is about something newer than this list.
		this.#relistReason = undefined;
		if (this.#anew) this.#store.distrust();
		this.#anew = false;
		this.#enter("listing");
		this.#options.onRelist?.(reason);
		try {
			this.#position = await this.#listPages();
		} catch (error) {
			this.#relistReason ??= reason;
			throw error;
		}
		if (this.#relistReason === undefined) this.#doubted = false;
		this.#prove();
		this.#synced = true;
		for (const waiting of this.#onSynced) waiting.resolve();
		this.#onSynced.clear();
	}

	/** Puts every page into the store and removes what none of them had; returns the resource version. */
	async #listPages(): Promise<string | undefined> {
		const { client, path, query, pageSize, priority, listMilliseconds: deadlineMilliseconds } = this.#options;
		const options = { pageSize, priority, deadlineMilliseconds, signal: this.#stopped.signal };
		const seen = new Set<string>();
		let position: string | undefined;
		for await (const page of listPages<Object>(client, path, query, options)) {
			for (const object of page.items) {
				seen.add(keyOf(object));
				this.#put(object);
			}
			position = page.metadata.resourceVersion;
		}
		for (const change of this.#store.removeOthers(seen)) this.#report(change);
		return position;
	}

	/** One watch to its proper end; returns the pause before the next. */
	async #watchOnce(): Promise<number> {
		const { client, path, query, marginMilliseconds, openMilliseconds } = this.#options;
		const watchSeconds = this.#options.watchSeconds ?? 30;
		const openedAt = performance.now();
		const events = client.watch(
			path,
			{
				...query,
				watch: true,
				allowWatchBookmarks: true,
				resourceVersion: this.#position,
				timeoutSeconds: watchSeconds,
			},
			{
				signal: this.#interrupt.signal,
				openMilliseconds: openMilliseconds ?? 5_000,
				silenceMilliseconds: watchSeconds * 1000 + (marginMilliseconds ?? 5_000),
				onOpen: () => {
					this.#enter("watching");
					this.#prove();
				},
			},
		);
		let delivered = false;
		for await (const event of events) {
			delivered = true;
			this.#pauses.delivered();
			this.#apply(event);
		}
		return this.#pauses.closed(performance.now() - openedAt, delivered);
	}

	#apply(event: WatchEvent): void {
		switch (event.type) {
			case "ADDED":
			case "MODIFIED":
				this.#put(event.object);
				break;
			case "DELETED": {
				const change = this.#store.remove(keyOf(event.object));
				if (change !== undefined) this.#report(change);
				break;
			}
			case "BOOKMARK":
				break;
		}
		this.#position = event.object.metadata.resourceVersion;
		this.#prove();
	}

	#put(object: KubeObject): void {
		let change: Change<Row> | undefined;
		try {
			change = this.#store.put(object);
		} catch (error) {
			this.#options.onError(error);
		}
		if (change !== undefined) this.#report(change);
	}

	#report(change: Change<Row>): void {
		try {
			this.#options.onChange(change);
		} catch (error) {
			this.#options.onError(error);
		}
	}

	#prove(): void {
		this.#provenAt = performance.now();
	}

	#enter(state: ReflectorState): void {
		if (this.#state === state) return;
		this.#state = state;
		this.#options.onState?.(state);
	}

	#stoppedEarly(): KubeError {
		return new KubeError("CANCELLED", `${this.#options.path}: stopped before the first list was complete`);
	}
}
