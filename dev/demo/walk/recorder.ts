import type { TradingSafety } from "../../../crds/types.ts";
import { apiGroup, apiVersion } from "../../../crds/vocabulary.ts";
import { wait } from "../../../kube/backoff.ts";
import type { Client } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/error.ts";
import { type KubeObject, keyOf } from "../../../kube/object.ts";
import { pathOf } from "../../../kube/paths.ts";
import { type Part, partLabel } from "../desk.ts";
import type { Place } from "../place.ts";

/**
 * Where in the history of the API server something happened. Pods and TradingSafety lie in one etcd, whose
 * revisions count for all kinds, so that one order holds over both.
 */
export type Revision = bigint;

/** One version of the TradingSafety. */
export type DeskVersion = {
	readonly revision: Revision;
	/** When this process saw it, by `performance.now()`. */
	readonly seenAt: number;
	readonly object: TradingSafety;
};

/** The life of one pod. Moments are of `performance.now()`; undefined: not yet. */
export type PodLife = {
	readonly uid: string;
	readonly name: string;
	readonly part: Part;
	/** 0 for a pod that was there when the recording began. */
	readonly created: Revision;
	/** The revision at which it was Ready first; 0 like `created`. */
	readonly ready?: Revision;
	/** The revision at which it was gone for good. */
	readonly deleted?: Revision;
	readonly readyAt?: number;
	/** When it was told to stop. */
	readonly toldAt?: number;
	readonly goneAt?: number;
};

type PodObject = KubeObject & {
	readonly metadata: {
		readonly uid: string;
		readonly resourceVersion: string;
		readonly deletionTimestamp?: string;
		readonly labels?: Readonly<Record<string, string>>;
	};
	readonly status?: {
		readonly conditions?: readonly { readonly type: string; readonly status: string }[];
	};
};

type Kind = "desk" | "pods";

const WATCH_SECONDS = 300;
const RESUME_MILLISECONDS = 100;
const pathsIn = (namespace: string): Readonly<Record<Kind, string>> => ({
	desk: pathOf({ group: apiGroup, version: apiVersion, resource: "tradingsafeties", namespace }),
	pods: pathOf({ group: "", version: "v1", resource: "pods", namespace }),
});

/** Writes down every version of the TradingSafety and the life of every pod of the desk, as the API server tells them. */
export class Recorder {
	readonly #client: Client;
	readonly #paths: Readonly<Record<Kind, string>>;
	readonly #stopped = new AbortController();
	readonly #desks: DeskVersion[] = [];
	readonly #pods = new Map<string, PodLife>();
	readonly #failures: string[] = [];
	#running: readonly Promise<void>[] = [];

	constructor({ admin, namespace }: Place) {
		this.#client = admin;
		this.#paths = pathsIn(namespace);
	}

	/** In the order of their revisions. */
	get desks(): readonly DeskVersion[] {
		return this.#desks;
	}

	get pods(): readonly PodLife[] {
		return [...this.#pods.values()];
	}

	/** What may be missing from the recording; empty when it is complete. */
	get failures(): readonly string[] {
		return this.#failures;
	}

	/** Lists both kinds and begins to watch them. */
	async start(): Promise<void> {
		const positions = await Promise.all([this.#list("desk"), this.#list("pods")]);
		this.#running = [this.#follow("desk", positions[0]), this.#follow("pods", positions[1])];
	}

	async stop(): Promise<void> {
		this.#stopped.abort();
		await Promise.all(this.#running);
	}

	async #list(kind: Kind): Promise<string> {
		const list = await this.#client.list<PodObject | TradingSafety>(this.#paths[kind]);
		for (const item of list.items) {
			if (kind === "desk") this.#takeDesk(item as TradingSafety);
			else this.#takePod(item as PodObject, 0n);
		}
		return list.metadata.resourceVersion;
	}

	async #follow(kind: Kind, from: string): Promise<void> {
		let position = from;
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			const events = this.#client.watch(
				this.#paths[kind],
				{
					watch: true,
					allowWatchBookmarks: true,
					resourceVersion: position,
					timeoutSeconds: WATCH_SECONDS,
				},
				{ signal, openMilliseconds: 10_000, silenceMilliseconds: (WATCH_SECONDS + 10) * 1000 },
			);
			try {
				for await (const { type, object } of events) {
					position = object.metadata.resourceVersion;
					if (type === "BOOKMARK") continue;
					if (kind === "desk") this.#takeDesk(object as unknown as TradingSafety);
					else if (type === "DELETED") this.#losePod(object as PodObject);
					else this.#takePod(object as PodObject, BigInt(position));
				}
			} catch (error) {
				if (signal.aborted) return;
				// A watch that was cut goes on from where it was; anything else may have lost something.
				if (isKubeError(error, "CONNECTION", "TIMEOUT")) {
					await wait(RESUME_MILLISECONDS, signal);
					continue;
				}
				this.#failures.push(`${kind} after revision ${position}: ${String(error)}`);
				return;
			}
		}
	}

	#takeDesk(object: TradingSafety): void {
		const revision = BigInt(object.metadata.resourceVersion);
		this.#desks.push({ revision, seenAt: performance.now(), object });
	}

	#takePod(object: PodObject, revision: Revision): void {
		const { uid, deletionTimestamp, labels } = object.metadata;
		const known = this.#pods.get(uid);
		const conditions = object.status?.conditions ?? [];
		const isReady = conditions.some(({ type, status }) => type === "Ready" && status === "True");
		const ready = known?.ready ?? (isReady ? revision : undefined);
		const readyAt = known?.readyAt ?? (isReady ? performance.now() : undefined);
		const toldAt = known?.toldAt ?? (deletionTimestamp === undefined ? undefined : performance.now());
		this.#pods.set(uid, {
			uid,
			name: keyOf(object),
			part: (labels?.[partLabel] ?? "") as Part,
			created: known?.created ?? revision,
			...(ready !== undefined && { ready }),
			...(readyAt !== undefined && { readyAt }),
			...(toldAt !== undefined && { toldAt }),
		});
	}

	#losePod(object: PodObject): void {
		const { uid, resourceVersion } = object.metadata;
		const known = this.#pods.get(uid);
		if (known === undefined) {
			this.#failures.push(`the end of pod ${keyOf(object)} without its beginning`);
			return;
		}
		const now = performance.now();
		this.#pods.set(uid, {
			...known,
			toldAt: known.toldAt ?? now,
			goneAt: now,
			deleted: BigInt(resourceVersion),
		});
	}
}
