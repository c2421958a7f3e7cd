import { wait } from "../kube/backoff.ts";
import { isKubeError } from "../kube/error.ts";
import { compareResourceVersions, keyOf } from "../kube/object.ts";
import type { Context } from "./context.ts";
import { type DeskObject, desksPath } from "./resources.ts";

const pauseMilliseconds = 1_000;

/** What is told of reads. None of these may throw. */
export type DeskReadHooks = {
	/** All desks as read, by key, and when the read was sent, by `performance.now()`. */
	readonly onRead: (desks: ReadonlyMap<string, DeskObject>, begunAt: number) => Promise<void>;
	/** The API server knows no desks at all. */
	readonly onUnknown: () => void;
	/** The version of the store fell: it was restored. */
	readonly onWentBack: (reason: string) => void;
};

/** The second sense: a plain read of all desks each second, which needs no watch. */
export class DeskReads {
	readonly #context: Context;
	readonly #hooks: DeskReadHooks;
	readonly #stopped = new AbortController();
	#reading: Promise<void> = Promise.resolve();
	/** The version of the store when the desks were last read. */
	#version: string | undefined;

	constructor(context: Context, hooks: DeskReadHooks) {
		this.#context = context;
		this.#hooks = hooks;
	}

	start(): void {
		this.#reading = this.#readForEver();
	}

	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#reading;
	}

	async #readForEver(): Promise<void> {
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			try {
				await this.#readOnce(signal);
			} catch (error) {
				if (signal.aborted) return;
				if (isKubeError(error, "NOT_FOUND")) this.#hooks.onUnknown();
				this.#context.metrics.errors.inc({ where: "read-desks" });
				this.#context.log.warn({ err: error }, "could not read the desks");
			}
			await wait(pauseMilliseconds, signal);
		}
	}

	async #readOnce(signal: AbortSignal): Promise<void> {
		const begunAt = performance.now();
		const { items, metadata } = await this.#context.client.list<DeskObject>(desksPath(), undefined, {
			priority: "emergency",
			deadlineMilliseconds: 2_000,
			signal,
		});
		this.#compare(metadata.resourceVersion);
		await this.#hooks.onRead(new Map(items.map((item) => [keyOf(item), item])), begunAt);
	}

	/** Reads come one after the other, and the store only grows: a lower version is that of a store restored. */
	#compare(version: string): void {
		const before = this.#version;
		this.#version = version;
		if (before === undefined || (compareResourceVersions(version, before) ?? 0) >= 0) return;
		this.#hooks.onWentBack(`the store went back from version ${before} to ${version}`);
	}
}
