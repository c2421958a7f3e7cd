import type { Pod } from "../core/observed.ts";
import { type PodObject, projectPod } from "../core/pod.ts";
import type { TradingSafety } from "../crds/types.ts";
import { wait } from "../kube/backoff.ts";
import type { Client } from "../kube/client.ts";
import { compareResourceVersions, type KubeObject } from "../kube/object.ts";
import { Reflector } from "../kube/reflector.ts";
import { desksPath, podsPath } from "./paths.ts";

/** What {@link Desks} needs and tells. None of these may throw. */
export type DesksOptions = {
	/** For the watches. */
	readonly client: Client;
	/** One for each API server: each is read each second, so that a press finds its connection open. */
	readonly apiServers: readonly Client[];
	/** A desk as it is now, with its pods; undefined when it is gone. */
	readonly onChange: (namespace: string, desk: TradingSafety | undefined, pods: readonly Pod[]) => void;
	/** Told once: by now every desk was seen. */
	readonly onAllKnown: () => void;
	readonly onError: (where: string, error: unknown) => void;
};

type Known = { desk: TradingSafety; movedAt: number; readonly pods: Reflector<PodObject, Pod> };

const readMilliseconds = 1_000;
const answerMilliseconds = 2_000;
/** Without an answer of any API server for so long a press may not get through. */
const reachedMilliseconds = 4_000;
/** The operator looks at each desk every few seconds, and says so in its status. */
const currentMilliseconds = 30_000;

/** The desks that pin a device, and their pods, as far as they can be seen. What cannot be seen any more stays known. */
export class Desks {
	readonly #options: DesksOptions;
	readonly #known = new Map<string, Known>();
	readonly #watch: Reflector<TradingSafety & KubeObject, TradingSafety>;
	readonly #stopped = new AbortController();
	#reachedAt = Number.NEGATIVE_INFINITY;
	#areAllKnown = false;
	#reading: Promise<unknown> = Promise.resolve();

	constructor(options: DesksOptions) {
		this.#options = options;
		this.#watch = new Reflector({
			client: options.client,
			path: desksPath(),
			project: (desk) => desk,
			onChange: ({ before, after }) => {
				if (after !== undefined) this.#take(after);
				else if (before !== undefined) this.#forget(before.metadata.namespace ?? "");
			},
			onError: (error) => options.onError("watch-desks", error),
		});
	}

	/** By namespace. */
	all(): ReadonlyMap<string, TradingSafety> {
		return new Map([...this.#known].map(([namespace, { desk }]) => [namespace, desk]));
	}

	/** The pods of a desk as they were last seen. */
	podsOf(namespace: string): readonly Pod[] {
		return [...(this.#known.get(namespace)?.pods.rows.values() ?? [])];
	}

	/** True while the status of a desk moves: somebody looks at it, and this process sees that. */
	isCurrent(namespace: string): boolean {
		const movedAt = this.#known.get(namespace)?.movedAt ?? Number.NEGATIVE_INFINITY;
		return this.isReached() && performance.now() - movedAt < currentMilliseconds;
	}

	/** False until every desk was seen once. */
	areAllKnown(): boolean {
		return this.#areAllKnown;
	}

	/** True while some API server answers. */
	isReached(): boolean {
		return performance.now() - this.#reachedAt < reachedMilliseconds;
	}

	start(): void {
		this.#watch.start();
		this.#reading = Promise.all(this.#options.apiServers.map((client) => this.#readForEver(client)));
	}

	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#reading;
		await Promise.all(
			[this.#watch, ...[...this.#known.values()].map(({ pods }) => pods)].map((one) => one.stop()),
		);
	}

	async #readForEver(client: Client): Promise<void> {
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			try {
				const { items } = await client.list<TradingSafety>(desksPath(), undefined, {
					priority: "emergency",
					deadlineMilliseconds: answerMilliseconds,
					signal,
				});
				this.#reachedAt = performance.now();
				for (const desk of items) this.#take(desk);
				this.#allKnown();
			} catch (error) {
				if (!signal.aborted) this.#options.onError("read-desks", error);
			}
			await wait(readMilliseconds, signal);
		}
	}

	#allKnown(): void {
		if (this.#areAllKnown) return;
		this.#areAllKnown = true;
		this.#options.onAllKnown();
	}

	#take(desk: TradingSafety): void {
		if (this.#stopped.signal.aborted) return;
		const { namespace = "", resourceVersion, uid } = desk.metadata;
		const known = this.#known.get(namespace);
		if ((desk.spec.estop?.devices ?? []).length === 0) {
			if (known !== undefined) this.#forget(namespace);
			return;
		}
		if (known === undefined) {
			const pods = this.#watchPods(namespace);
			this.#known.set(namespace, { desk, movedAt: performance.now(), pods });
			pods.start();
		} else {
			const before = known.desk.metadata;
			const order = compareResourceVersions(resourceVersion, before.resourceVersion);
			if (before.uid === uid && order !== undefined && order <= 0) return;
			known.desk = desk;
			known.movedAt = performance.now();
		}
		this.#options.onChange(namespace, desk, this.podsOf(namespace));
	}

	#forget(namespace: string): void {
		const known = this.#known.get(namespace);
		if (known === undefined) return;
		this.#known.delete(namespace);
		void known.pods.stop();
		this.#options.onChange(namespace, undefined, []);
	}

	#watchPods(namespace: string): Reflector<PodObject, Pod> {
		return new Reflector<PodObject, Pod>({
			client: this.#options.client,
			path: podsPath(namespace),
			project: projectPod,
			onChange: () => {
				const desk = this.#known.get(namespace)?.desk;
				if (desk !== undefined) this.#options.onChange(namespace, desk, this.podsOf(namespace));
			},
			onError: (error) => this.#options.onError("watch-pods", error),
		});
	}
}
