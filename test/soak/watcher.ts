import type { RestoreRecord, TradingSafety } from "../../crds/types.ts";
import { wait } from "../../kube/backoff.ts";
import { KubeError } from "../../kube/error.ts";
import { desksPath, podsPath, recordsPath } from "../../operator/resources.ts";
import type { Pod, TestDesk } from "../operator/desk.ts";
import { follow } from "../support/follow.ts";
import type { Scope } from "../support/scope.ts";
import { until } from "../support/until.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Life, Marker, Testimony } from "./testimony.ts";

const markMilliseconds = 200;

type Workload = {
	readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
	readonly spec: {
		readonly replicas?: number;
		readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } };
	};
};
type Seen = {
	readonly metadata: { readonly resourceVersion?: string; readonly name: string; readonly uid?: string };
};

/**
 * Watches, as cluster administrator and not through any proxy, everything in a desk's namespace that counts. Where
 * the API server lost what was between two versions, the testimony says so. Ends with its scope.
 */
export class Watcher {
	readonly #desk: TestDesk;
	/** A story of its own: what the API server showed, and when it came here. */
	readonly #chronicle: Chronicle;
	readonly #stopped = new AbortController();
	readonly #lives = new Map<string, Life>();
	readonly #versions: Testimony["versions"][number][] = [];
	readonly #workloads: Testimony["workloads"][number][] = [];
	readonly #records: Testimony["records"][number][] = [];
	readonly #markers: Marker[] = [];

	private constructor(desk: TestDesk, chronicle: Chronicle) {
		this.#desk = desk;
		this.#chronicle = chronicle;
	}

	static async start(scope: Scope, desk: TestDesk, chronicle: Chronicle): Promise<Watcher> {
		const watcher = new Watcher(desk, chronicle);
		const apps = `/apis/apps/v1/namespaces/${desk.namespace}`;
		const running = await Promise.all([
			watcher.#watch<Pod>(podsPath(desk.namespace), (event) => watcher.#seePod(event)),
			watcher.#watch<TradingSafety>(desksPath(desk.namespace), (event) => watcher.#seeDesk(event)),
			watcher.#watch<Workload>(`${apps}/deployments`, (event) => watcher.#seeWorkload(event)),
			watcher.#watch<Workload>(`${apps}/statefulsets`, (event) => watcher.#seeWorkload(event)),
			watcher.#watch<RestoreRecord>(recordsPath(desk.namespace), (event) => watcher.#seeRecord(event)),
		]);
		const marking = watcher.#mark();
		scope.teardown(async () => {
			watcher.#stopped.abort();
			await Promise.all([...running.map(({ ended }) => ended), marking]);
		});
		return watcher;
	}

	/** Everything seen so far. */
	testimony(): Testimony {
		return {
			lives: [...this.#lives.values()],
			versions: this.#versions,
			workloads: this.#workloads,
			records: this.#records,
			markers: this.#markers,
		};
	}

	/** Waits until it has seen what the API server has now. */
	async catchUp(): Promise<void> {
		const pods = (await this.#desk.pods()).map((pod) => pod.metadata.uid);
		const version = Number((await this.#desk.get()).metadata.resourceVersion);
		await until("the watcher has caught up", () => {
			const alive = [...this.#lives.values()].filter((life) => life.goneBy === undefined);
			const seen = pods.every((uid) => this.#lives.has(uid)) && alive.length <= pods.length;
			const marked = (this.#markers.at(-1)?.version ?? 0) >= version;
			return seen && marked && (this.#versions.at(-1)?.at ?? 0) >= version;
		});
	}

	/** Lists, then follows; resolves when it was listed. */
	async #watch<T extends Seen>(
		path: string,
		see: (event: SeenEvent<T>) => void,
	): Promise<{ readonly ended: Promise<void> }> {
		const client = this.#desk.admin;
		let last = 0;
		const known = new Map<string, T>();
		const take = (event: SeenEvent<T>) => {
			const key = event.object.metadata.name;
			if (event.type === "DELETED") known.delete(key);
			else known.set(key, event.object);
			last = Math.max(last, event.at);
			this.#chronicle.note(`${event.at} ${event.type} ${path.split("/").at(-1)} ${describe(event.object)}`);
			see(event);
		};
		const list = async () => {
			const { items, metadata } = await client.list<T>(path);
			const after = last;
			const now = Number(metadata.resourceVersion);
			const gap = after > 0;
			if (gap) this.#chronicle.note(`${path} lost what was between ${after} and ${now}`);
			const there = new Set(items.map((item) => item.metadata.uid));
			for (const object of [...known.values()]) {
				if (!there.has(object.metadata.uid)) take({ type: "DELETED", object, at: now, after, gap });
			}
			for (const object of items) {
				const at = Number(object.metadata.resourceVersion);
				if (at > after) take({ type: "LISTED", object, at, after, gap });
			}
			last = now;
			return metadata.resourceVersion;
		};
		const from = await list();
		const ended = follow({
			client,
			path,
			from,
			signal: this.#stopped.signal,
			list,
			onEvent: (type, object) => {
				const at = Number((object as T).metadata.resourceVersion);
				take({ type, object: object as T, at, after: at - 1, gap: false });
			},
		});
		return { ended };
	}

	#seePod({ type, object, at, after }: SeenEvent<Pod>): void {
		const { name, uid, labels = {} } = object.metadata;
		const life = this.#lives.get(uid) ?? { name, uid, labels, createdAfter: after, createdBy: at };
		this.#lives.set(uid, life);
		if (object.metadata.deletionTimestamp !== undefined) life.toldBy ??= at;
		if (type === "DELETED") {
			life.goneAfter = after;
			life.goneBy = at;
		}
	}

	#seeDesk({ type, object, at, gap }: SeenEvent<TradingSafety>): void {
		if (type !== "DELETED") this.#versions.push({ at, gap, desk: object });
	}

	#seeWorkload({ type, object, at, gap }: SeenEvent<Workload>): void {
		const { name, uid } = object.metadata;
		const labels = object.spec.template.metadata.labels;
		const replicas = object.spec.replicas ?? 1;
		this.#workloads.push({ at, gap, name, uid, labels, replicas, deleted: type === "DELETED" });
	}

	#seeRecord({ type, object, at }: SeenEvent<RestoreRecord>): void {
		const { workload, replicas } = object.spec;
		const { uid = "" } = object.metadata;
		const { name, uid: workloadUid } = workload;
		this.#records.push({ at, uid, name, workloadUid, replicas, deleted: type === "DELETED" });
	}

	/** Notes again and again which version the store has, so that versions can be placed in time. */
	async #mark(): Promise<void> {
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			const askedAt = performance.now();
			try {
				const path = recordsPath(this.#desk.namespace);
				const { metadata } = await this.#desk.admin.list(path, { limit: 1 }, { signal });
				const version = Number(metadata.resourceVersion);
				this.#markers.push({ version, askedAt, answeredAt: performance.now() });
			} catch (error) {
				// An API server that is away is part of the story.
				if (!(error instanceof KubeError)) throw error;
			}
			await wait(markMilliseconds, signal);
		}
	}
}

type SeenEvent<T> = {
	readonly type: "ADDED" | "MODIFIED" | "DELETED" | "LISTED";
	readonly object: T;
	/** It is so at this version at the latest, and was not at the other. */
	readonly at: number;
	readonly after: number;
	/** Versions before this one may have been lost. */
	readonly gap: boolean;
};

function describe(object: object): string {
	const { metadata, spec, status } = object as {
		readonly metadata: {
			readonly name: string;
			readonly generation?: number;
			readonly deletionTimestamp?: string;
		};
		readonly spec?: { readonly replicas?: number; readonly mode?: string };
		readonly status?: TradingSafety["status"];
	};
	const { name, generation, deletionTimestamp } = metadata;
	const desk =
		spec?.mode === undefined ? {} : { spec: { ...spec, targets: undefined }, status: brief(status) };
	const facts = { generation, deletionTimestamp, replicas: spec?.replicas, ...desk };
	return `${name} ${JSON.stringify(facts)}`;
}

function brief(status: TradingSafety["status"]): object | undefined {
	if (status === undefined) return undefined;
	const { observedGeneration, modeInForce, clearance, holds, targets, notRestored, conditions } = status;
	const confirmed = conditions?.find((condition) => condition.type === "Confirmed");
	return {
		observedGeneration,
		modeInForce,
		clearance,
		holds: holds?.map((hold) => hold.name),
		targets: targets?.map(({ name, fencedAs, startAllowed, recordedAt }) => ({
			name,
			fencedAs,
			startAllowed,
			recordedAt,
		})),
		notRestored,
		confirmed: confirmed && `${confirmed.status} at ${confirmed.observedGeneration}: ${confirmed.reason}`,
	};
}
