import type { TradingSafety } from "../../crds/types.ts";
import { desksPath, podsPath } from "../../operator/resources.ts";
import { follow } from "../support/follow.ts";
import type { Scope } from "../support/scope.ts";
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

	static async start(t: Scope, desk: TestDesk): Promise<Witness> {
		const witness = new Witness(desk);
		const pods = await witness.#listPods();
		const desks = await witness.#listDesks();
		const common = { client: desk.admin, signal: witness.#stopped.signal };
		const following = [
			follow({
				...common,
				path: podsPath(desk.namespace),
				from: pods,
				list: () => witness.#listPods(),
				onEvent: (type, object) => witness.#see(type, object as Pod),
			}),
			follow({
				...common,
				path: desksPath(desk.namespace),
				from: desks,
				list: () => witness.#listDesks(),
				onEvent: (type, object) => {
					if (type !== "DELETED") witness.#versions.push(object as TradingSafety);
				},
			}),
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
}
