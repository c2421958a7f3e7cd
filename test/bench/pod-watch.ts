import type { Client } from "../../kube/client.ts";
import { BenchError } from "./error.ts";

/** The pods of one namespace as the watch has shown them so far. */
export type PodCounts = {
	readonly total: number;
	readonly ready: number;
	/** Those without a deletion timestamp. */
	readonly untold: number;
};

export type SeenPod = { readonly namespace: string; readonly name: string; readonly uid: string };

type PodState = SeenPod & { readonly told: boolean; readonly ready: boolean };

type PodObject = {
	readonly metadata: {
		readonly namespace: string;
		readonly name: string;
		readonly uid: string;
		readonly deletionTimestamp?: string;
	};
	readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
};

type Waiting = {
	readonly condition: (counts: PodCounts) => boolean;
	readonly resolve: (at: number) => void;
	readonly reject: (error: unknown) => void;
};

class NamespacePods {
	readonly pods = new Map<string, PodState>();
	readonly waiting = new Set<Waiting>();
	#ready = 0;
	#untold = 0;

	get counts(): PodCounts {
		return { total: this.pods.size, ready: this.#ready, untold: this.#untold };
	}

	put(pod: PodState): void {
		this.remove(pod.uid);
		this.pods.set(pod.uid, pod);
		if (pod.ready) this.#ready += 1;
		if (!pod.told) this.#untold += 1;
	}

	remove(uid: string): void {
		const pod = this.pods.get(uid);
		if (pod === undefined) return;
		this.pods.delete(uid);
		if (pod.ready) this.#ready -= 1;
		if (!pod.told) this.#untold -= 1;
	}
}

/** The bench's own eyes: one watch of all pods, apart from those of the operator, with a clock of its own. */
export class PodWatch {
	readonly #namespaces = new Map<string, NamespacePods>();
	readonly #stopped = new AbortController();
	#failure: unknown;
	#cuts = 0;
	#running: Promise<void> = Promise.resolve();

	/** Lists and watches the pods of the whole cluster. A watch that fails makes every later wait throw. */
	static async start(client: Client): Promise<PodWatch> {
		const watch = new PodWatch();
		const list = await client.list<PodObject>("/api/v1/pods", { resourceVersion: 0 });
		for (const pod of list.items) watch.#namespace(pod.metadata.namespace).put(stateOf(pod));
		watch.#running = watch.#run(client, list.metadata.resourceVersion);
		return watch;
	}

	/** How often the API server has closed the watch. */
	get cuts(): number {
		return this.#cuts;
	}

	counts(namespace: string): PodCounts {
		return this.#namespace(namespace).counts;
	}

	/** The pods that have not been told to stop. */
	running(namespace: string): readonly SeenPod[] {
		return [...this.#namespace(namespace).pods.values()].filter((pod) => !pod.told);
	}

	/** When the watch first showed that it is so (`performance.now()`), also at once. Throws when it takes too long. */
	when(
		what: string,
		namespace: string,
		condition: (counts: PodCounts) => boolean,
		timeoutMilliseconds = 900_000,
	): Promise<number> {
		const pods = this.#namespace(namespace);
		return new Promise((resolve, reject) => {
			if (this.#failure !== undefined) return reject(this.#failure);
			if (condition(pods.counts)) return resolve(performance.now());
			const timer = setTimeout(() => {
				pods.waiting.delete(waiting);
				const now = JSON.stringify(pods.counts);
				reject(
					new BenchError(
						"TOO_LATE",
						`waited ${timeoutMilliseconds} ms until ${what} in ${namespace}: ${now}`,
					),
				);
			}, timeoutMilliseconds);
			const waiting: Waiting = {
				condition,
				resolve: (at) => {
					clearTimeout(timer);
					resolve(at);
				},
				reject: (error) => {
					clearTimeout(timer);
					reject(error);
				},
			};
			pods.waiting.add(waiting);
		});
	}

	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#running;
	}

	/**
	 * The API server closes the watch of a reader that is too slow for it. Going on from the last event loses
	 * none; what is shown late makes figures worse, never better.
	 */
	async #run(client: Client, listed: string | undefined): Promise<void> {
		let resourceVersion = listed;
		try {
			for (; !this.#stopped.signal.aborted; this.#cuts += 1) {
				const events = client.watch(
					"/api/v1/pods",
					{ watch: true, resourceVersion, allowWatchBookmarks: true, timeoutSeconds: 7_200 },
					{ signal: this.#stopped.signal, openMilliseconds: 10_000, silenceMilliseconds: 300_000 },
				);
				for await (const { type, object } of events) {
					resourceVersion = object.metadata.resourceVersion;
					if (type !== "BOOKMARK") this.#take(type, object as unknown as PodObject);
				}
			}
		} catch (error) {
			this.#fail(error);
		}
	}

	#take(type: "ADDED" | "MODIFIED" | "DELETED", pod: PodObject): void {
		const at = performance.now();
		const pods = this.#namespace(pod.metadata.namespace);
		if (type === "DELETED") pods.remove(pod.metadata.uid);
		else pods.put(stateOf(pod));
		for (const waiting of pods.waiting) {
			if (!waiting.condition(pods.counts)) continue;
			pods.waiting.delete(waiting);
			waiting.resolve(at);
		}
	}

	/** After `stop` it is the expected end, and nobody waits. */
	#fail(error: unknown): void {
		this.#failure = error;
		for (const { waiting } of this.#namespaces.values()) {
			for (const { reject } of waiting) reject(error);
			waiting.clear();
		}
	}

	#namespace(name: string): NamespacePods {
		let pods = this.#namespaces.get(name);
		if (pods === undefined) {
			pods = new NamespacePods();
			this.#namespaces.set(name, pods);
		}
		return pods;
	}
}

function stateOf({ metadata, status }: PodObject): PodState {
	const { namespace, name, uid, deletionTimestamp } = metadata;
	const ready =
		status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
	return { namespace, name, uid, told: deletionTimestamp !== undefined, ready };
}
