import type { ExecutionContext } from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import { wait } from "../../kube/backoff.ts";
import { KubeError } from "../../kube/error.ts";
import { desksPath, podsPath } from "../../operator/resources.ts";
import { until } from "../support/until.ts";
import type { Pod, TestDesk } from "./desk.ts";

/** The life of one pod, in resource versions of the API server. They order everything in the cluster. */
export type Life = {
	readonly name: string;
	readonly uid: string;
	readonly app: string;
	readonly createdAt: number;
	/** When it was told to stop. */
	toldAt?: number;
	/** With how many seconds of grace, as first told. */
	graceSeconds?: number;
	goneAt?: number;
};

/**
 * Watches, as cluster administrator, every pod of a desk's namespace and every version of the desk, so that a
 * life of a few milliseconds and a claim of a few milliseconds are seen too. Ends with the test.
 */
export class Witness {
	readonly #desk: TestDesk;
	readonly #lives = new Map<string, Life>();
	readonly #versions: TradingSafety[] = [];
	readonly #stopped = new AbortController();

	private constructor(desk: TestDesk) {
		this.#desk = desk;
	}

	static async start(t: ExecutionContext, desk: TestDesk): Promise<Witness> {
		const witness = new Witness(desk);
		const pods = await witness.#listPods();
		const desks = await witness.#listDesks();
		const following = [
			witness.#follow(
				podsPath(desk.namespace),
				pods,
				() => witness.#listPods(),
				(type, object) => witness.#see(type, object as Pod),
			),
			witness.#follow(
				desksPath(desk.namespace),
				desks,
				() => witness.#listDesks(),
				(type, object) => {
					if (type !== "DELETED") witness.#versions.push(object as TradingSafety);
				},
			),
		];
		t.teardown(() => {
			witness.#stopped.abort();
			return Promise.all(following);
		});
		return witness;
	}

	/** Waits until it has seen what the API server has now. */
	async catchUp(): Promise<void> {
		const pods = (await this.#desk.pods()).map((pod) => pod.metadata.uid);
		const { resourceVersion } = (await this.#desk.get()).metadata;
		await until("the witness has caught up", () => {
			const seen = pods.every((uid) => this.#lives.has(uid));
			const alive = [...this.#lives.values()].filter((life) => life.goneAt === undefined);
			const version = Number(this.#versions.at(-1)?.metadata.resourceVersion ?? 0);
			return seen && alive.length <= pods.length && version >= Number(resourceVersion);
		});
	}

	/** Pods of these apps that were created after a version. */
	createdAfter(version: string, ...apps: readonly string[]): readonly Life[] {
		return this.#of(apps).filter((life) => life.createdAt > Number(version));
	}

	livesOf(...apps: readonly string[]): readonly Life[] {
		return this.#of(apps);
	}

	/** Every version of the desk that was seen. */
	get versions(): readonly TradingSafety[] {
		return this.#versions;
	}

	/**
	 * Every version of the desk that claimed, of its own generation, that a halt is confirmed, while a pod of one
	 * of these apps existed. There must be none.
	 */
	falseClaims(...apps: readonly string[]): readonly string[] {
		return this.#versions.flatMap(({ metadata, spec, status }) => {
			const confirmed = status?.conditions?.find((condition) => condition.type === "Confirmed");
			if (spec.mode === "Normal" || confirmed?.status !== "True") return [];
			if (confirmed.observedGeneration !== metadata.generation) return [];
			const at = Number(metadata.resourceVersion);
			const alive = this.#of(apps).filter(
				(life) => life.createdAt < at && (life.goneAt === undefined || life.goneAt > at),
			);
			return alive.map((life) => `version ${at} says ${spec.mode} is confirmed, and ${life.name} exists`);
		});
	}

	#of(apps: readonly string[]): readonly Life[] {
		return [...this.#lives.values()].filter((life) => apps.includes(life.app));
	}

	#see(type: string, { metadata }: Pod): void {
		const at = Number(metadata.resourceVersion);
		const { name, uid, labels } = metadata;
		const life = this.#lives.get(uid) ?? { name, uid, app: labels?.app ?? "", createdAt: at };
		this.#lives.set(uid, life);
		if (metadata.deletionTimestamp !== undefined) {
			life.toldAt ??= at;
			life.graceSeconds ??= metadata.deletionGracePeriodSeconds ?? 0;
		}
		if (type === "DELETED") life.goneAt = at;
	}

	/** Takes in what there is. A pod that vanished unseen counts as gone when it was last heard of. */
	async #listPods(): Promise<string> {
		const { items, metadata } = await this.#desk.admin.list<Pod>(podsPath(this.#desk.namespace));
		const there = new Set(items.map((pod) => pod.metadata.uid));
		for (const life of this.#lives.values()) {
			if (!there.has(life.uid)) life.goneAt ??= life.toldAt ?? life.createdAt;
		}
		for (const pod of items) this.#see("LISTED", pod);
		return metadata.resourceVersion ?? "0";
	}

	async #listDesks(): Promise<string> {
		const { items, metadata } = await this.#desk.admin.list<TradingSafety>(desksPath(this.#desk.namespace));
		if (this.#versions.length > 0) this.#versions.push(...items);
		return metadata.resourceVersion ?? "0";
	}

	/** Goes on when the API server was away: after the last version seen, or, where it kept none, with a list. */
	async #follow(
		path: string,
		from: string,
		list: () => Promise<string>,
		onEvent: (type: string, object: object) => void,
	): Promise<void> {
		const { signal } = this.#stopped;
		let resourceVersion = from;
		let gone = false;
		while (!signal.aborted) {
			try {
				if (gone) resourceVersion = await list();
				gone = false;
				const query = { watch: true, resourceVersion, allowWatchBookmarks: true };
				const limits = { signal, openMilliseconds: 5_000, silenceMilliseconds: 120_000 };
				for await (const { type, object } of this.#desk.admin.watch(path, query, limits)) {
					resourceVersion = object.metadata.resourceVersion;
					if (type !== "BOOKMARK") onEvent(type, object);
				}
			} catch (error) {
				if (!(error instanceof KubeError)) throw error;
				gone ||= error.code === "GONE";
				await wait(50, signal);
			}
		}
	}
}
