import { compareResourceVersions } from "./object.ts";

/** What the reflector has, asked at the moment of the call. */
export type View = {
	/** Resource version of the row, `undefined` when there is none. */
	version(key: string): string | undefined;
	/** The resource version up to which the watch has delivered everything. */
	position(): string | undefined;
};

/**
 * Compares what its owner read with a plain GET to what the watch delivered, and says when the watch is not to
 * be believed. A GET without a resource version is answered from etcd and is never older than its own sending
 * (Kubernetes API concepts, "Semantics for get and list").
 */
export class SecondSense {
	readonly #view: View;
	readonly #patienceMilliseconds: number;
	readonly #onDoubt: (reason: string) => void;
	readonly #timers = new Map<string, NodeJS.Timeout>();
	/** Rows that a read contradicted with an older version, and the version that the row had then. */
	readonly #older = new Map<string, string | undefined>();

	constructor(view: View, patienceMilliseconds: number, onDoubt: (reason: string) => void) {
		this.#view = view;
		this.#patienceMilliseconds = patienceMilliseconds;
		this.#onDoubt = onDoubt;
	}

	/** `read` is the resource version that a GET returned, `undefined` for NotFound. True when the row agrees. */
	observe(key: string, read: string | undefined): boolean {
		const version = this.#view.version(key);
		if (version === read) {
			this.#older.delete(key);
			return true;
		}
		if (read === undefined || !this.#passed(read)) this.#lookAgain(key, read, version);
		else this.#judgeOlder(key, version);
		return false;
	}

	stop(): void {
		for (const timer of this.#timers.values()) clearTimeout(timer);
		this.#timers.clear();
		this.#older.clear();
	}

	/** The watch may still be on its way to what was read: give it some time. */
	#lookAgain(key: string, read: string | undefined, version: string | undefined): void {
		// The earliest look stands: a GET each 100 ms must not put it off for ever.
		if (this.#timers.has(key)) return;
		const look = () => {
			this.#timers.delete(key);
			const now = this.#view.version(key);
			const settled = now === read || (read === undefined ? now !== version : this.#passed(read));
			if (!settled) this.#onDoubt(`the watch did not deliver ${key} at ${read ?? "its deletion"}`);
		};
		this.#timers.set(key, setTimeout(look, this.#patienceMilliseconds));
	}

	/**
	 * The read is older than the watch. Once, that only means that the answer was overtaken. But when the next
	 * read, sent after this one, still is older than the very same row, history has gone backwards (an etcd
	 * that was restored), and the watch would wait in silence for versions that are long in coming.
	 */
	#judgeOlder(key: string, version: string | undefined): void {
		if (this.#older.has(key) && this.#older.get(key) === version) {
			this.#older.delete(key);
			this.#onDoubt(`two reads of ${key} in a row are older than what the watch delivered`);
		} else {
			this.#older.set(key, version);
		}
	}

	#passed(version: string): boolean {
		const position = this.#view.position();
		if (position === undefined) return false;
		const order = compareResourceVersions(position, version);
		return order !== undefined && order >= 0;
	}
}
