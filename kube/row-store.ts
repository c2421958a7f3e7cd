import { type KubeObject, keyOf } from "./object.ts";

/** What happened to one row: created without `before`, deleted without `after`. */
export type Change<Row> = {
	readonly key: string;
	readonly before: Row | undefined;
	readonly after: Row | undefined;
};

/** The rows of a reflector, each with the resource version that it was made from. */
export class RowStore<Row> {
	readonly #project: (object: KubeObject) => Row;
	readonly #rows = new Map<string, Row>();
	readonly #versions = new Map<string, string | undefined>();

	/** `project` keeps of an object what the owner needs; whatever it throws passes through `put`. */
	constructor(project: (object: KubeObject) => Row) {
		this.#project = project;
	}

	get rows(): ReadonlyMap<string, Row> {
		return this.#rows;
	}

	/** The resource version of the row `key`, `undefined` when there is none. */
	version(key: string): string | undefined {
		return this.#versions.get(key);
	}

	/** Stores what `object` says. `undefined` when that resource version was stored already. */
	put(object: KubeObject): Change<Row> | undefined {
		const key = keyOf(object);
		const version = object.metadata.resourceVersion;
		if (version !== undefined && this.#versions.get(key) === version) return undefined;
		const after = this.#project(object);
		const before = this.#rows.get(key);
		this.#rows.set(key, after);
		this.#versions.set(key, version);
		return { key, before, after };
	}

	/** Forgets from which version each row is: the next `put` of it tells it again. */
	distrust(): void {
		for (const key of this.#versions.keys()) this.#versions.set(key, undefined);
	}

	/** Removes the row `key`. `undefined` when there was none. */
	remove(key: string): Change<Row> | undefined {
		const before = this.#rows.get(key);
		if (!this.#versions.delete(key)) return undefined;
		this.#rows.delete(key);
		return { key, before, after: undefined };
	}

	/** Removes every row whose key is not in `keys`. */
	*removeOthers(keys: ReadonlySet<string>): Generator<Change<Row>> {
		for (const key of [...this.#versions.keys()]) {
			if (keys.has(key)) continue;
			const change = this.remove(key);
			if (change !== undefined) yield change;
		}
	}
}
