import type { Client } from "../../kube/client.ts";
import type { KubeObject } from "../../kube/object.ts";
import { BenchError } from "./error.ts";

type Waiting<Item> = {
	readonly condition: (objects: readonly Item[]) => boolean;
	readonly resolve: (at: number) => void;
};

const timeoutMilliseconds = 180_000;

/** What the objects of one small collection look like, by a watch of the bench's own. */
export class ObjectWatch<Item> {
	readonly #objects = new Map<string, Item>();
	readonly #waiting = new Set<Waiting<Item>>();
	readonly #stopped = new AbortController();
	#running: Promise<void> = Promise.resolve();

	/** Lists and watches a collection. */
	static async start<Item>(client: Client, path: string): Promise<ObjectWatch<Item>> {
		const watch = new ObjectWatch<Item>();
		const list = await client.list<KubeObject>(path);
		for (const object of list.items) watch.#put(object);
		watch.#running = watch.#run(client, path, list.metadata.resourceVersion);
		return watch;
	}

	objects(): readonly Item[] {
		return [...this.#objects.values()];
	}

	/** When the watch first showed that it is so (`performance.now()`), also at once. Throws when it takes too long. */
	when(what: string, condition: (objects: readonly Item[]) => boolean): Promise<number> {
		return new Promise((resolve, reject) => {
			if (condition(this.objects())) return resolve(performance.now());
			const timer = setTimeout(() => {
				this.#waiting.delete(waiting);
				reject(new BenchError("TOO_LATE", `waited ${timeoutMilliseconds} ms until ${what}`));
			}, timeoutMilliseconds);
			const waiting: Waiting<Item> = {
				condition,
				resolve: (at) => {
					clearTimeout(timer);
					resolve(at);
				},
			};
			this.#waiting.add(waiting);
		});
	}

	/** The largest value that `count` had in this time. */
	async most(milliseconds: number, count: (objects: readonly Item[]) => number): Promise<number> {
		let most = count(this.objects());
		const waiting: Waiting<Item> = {
			condition: (objects) => {
				most = Math.max(most, count(objects));
				return false;
			},
			resolve: () => {},
		};
		this.#waiting.add(waiting);
		await new Promise((resolve) => setTimeout(resolve, milliseconds));
		this.#waiting.delete(waiting);
		return most;
	}

	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#running;
	}

	async #run(client: Client, path: string, listed: string | undefined): Promise<void> {
		let resourceVersion = listed;
		const { signal } = this.#stopped;
		try {
			while (!signal.aborted) {
				const events = client.watch(
					path,
					{ watch: true, resourceVersion, allowWatchBookmarks: true, timeoutSeconds: 7_200 },
					{ signal, openMilliseconds: 10_000, silenceMilliseconds: 300_000 },
				);
				for await (const { type, object } of events) {
					resourceVersion = object.metadata.resourceVersion;
					if (type !== "BOOKMARK") this.#take(type, object);
				}
			}
		} catch (error) {
			if (!signal.aborted) throw error;
		}
	}

	#take(type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject): void {
		const at = performance.now();
		if (type === "DELETED") this.#objects.delete(object.metadata.uid ?? "");
		else this.#put(object);
		const objects = this.objects();
		for (const waiting of this.#waiting) {
			if (!waiting.condition(objects)) continue;
			this.#waiting.delete(waiting);
			waiting.resolve(at);
		}
	}

	#put(object: KubeObject): void {
		this.#objects.set(object.metadata.uid ?? "", object as unknown as Item);
	}
}
