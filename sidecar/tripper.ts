import type { TradingSafety } from "../crds/types.ts";
import { apiGroup, apiVersion, deskName } from "../crds/vocabulary.ts";
import { type Backoff, backoffDelay, wait } from "../kube/backoff.ts";
import type { Client } from "../kube/client.ts";
import { pathOf } from "../kube/paths.ts";
import { isShown, type Raise, raisePatch } from "./raise.ts";

/** What is told of raises. None of these may throw. */
export type TripperHooks = {
	/** This desk shows the raise: so long after it was asked for. */
	readonly onShown: (namespace: string, raise: Raise, milliseconds: number, desk: TradingSafety) => void;
	/** One call failed; others go on. */
	readonly onFailed: (namespace: string, raise: Raise, server: URL, error: unknown) => void;
};

type Work = { readonly raise: Raise; readonly askedAt: number; readonly over: AbortController };

/** An answer takes some milliseconds; a server that needs this long may be frozen. The next one is asked beside it. */
const nextServerMilliseconds = 100;
const callMilliseconds = 2_000;
const betweenRounds: Backoff = { baseMilliseconds: 50, factor: 2, capMilliseconds: 1_000 };

/**
 * Raises desks: asks every API server that it knows, one soon after the other, again and again until the desk shows the
 * raise. It waits for nothing and nobody, and never gives up.
 */
export class Tripper {
	readonly #clients: readonly Client[];
	readonly #hooks: TripperHooks;
	/** By namespace. */
	readonly #known = new Map<string, TradingSafety>();
	readonly #works = new Map<string, Set<Work>>();
	readonly #stopped = new AbortController();

	/** `clients`: one for each API server, the nearest first. */
	constructor(clients: readonly Client[], hooks: TripperHooks) {
		this.#clients = clients;
		this.#hooks = hooks;
	}

	/** A desk as somebody saw it; undefined when it is gone. */
	see(namespace: string, desk: TradingSafety | undefined): void {
		if (desk === undefined) {
			this.#known.delete(namespace);
			return;
		}
		this.#known.set(namespace, desk);
		for (const work of this.#works.get(namespace) ?? []) {
			if (isShown(work.raise, desk)) this.#finish(namespace, work, desk);
		}
	}

	/** Raises one desk. The first bytes are on their way when this returns; resolves when the desk shows it. */
	async raise(namespace: string, raise: Raise): Promise<void> {
		const work: Work = { raise, askedAt: performance.now(), over: new AbortController() };
		const works = this.#works.get(namespace) ?? new Set();
		this.#works.set(namespace, works.add(work));
		if (this.#stopped.signal.aborted) work.over.abort();
		const { promise: shown, resolve } = Promise.withResolvers<void>();
		work.over.signal.addEventListener("abort", () => resolve());
		for (let round = 1; !work.over.signal.aborted; round += 1) {
			await Promise.race([this.#round(namespace, work), shown]);
			await wait(backoffDelay(betweenRounds, round), work.over.signal);
		}
	}

	/** True while some desk does not show a raise yet. */
	isTripping(): boolean {
		return [...this.#works.values()].some(({ size }) => size > 0);
	}

	/** Ends all raises under way, whatever they have come to: for the end of the process. */
	stop(): void {
		this.#stopped.abort();
		for (const works of this.#works.values()) for (const { over } of works) over.abort();
	}

	/** Asks each server once. Resolves when the desk shows it, or all have failed. */
	async #round(namespace: string, work: Work): Promise<void> {
		let before: Promise<unknown> = Promise.resolve();
		const asked: Promise<unknown>[] = [];
		for (const [index, client] of this.#clients.entries()) {
			const turn = index === 0 ? undefined : before;
			before = this.#ask(namespace, work, client, turn);
			asked.push(before);
		}
		await Promise.all(asked);
	}

	async #ask(
		namespace: string,
		work: Work,
		client: Client,
		before: Promise<unknown> | undefined,
	): Promise<void> {
		const { signal } = work.over;
		if (before !== undefined) await Promise.race([before, wait(nextServerMilliseconds, signal)]);
		if (signal.aborted) return;
		const path = pathOf({
			group: apiGroup,
			version: apiVersion,
			resource: "tradingsafeties",
			namespace,
			name: deskName,
		});
		try {
			const desk = await client.patch<TradingSafety>(
				path,
				raisePatch(work.raise, this.#known.get(namespace)),
				{ type: "merge" },
				// A call whose raise was seen elsewhere meanwhile is not cut off: that would cost the next press its socket.
				{ priority: "emergency", deadlineMilliseconds: callMilliseconds, signal: this.#stopped.signal },
			);
			this.see(namespace, desk);
		} catch (error) {
			if (!signal.aborted) this.#hooks.onFailed(namespace, work.raise, client.connection.server, error);
		}
	}

	#finish(namespace: string, work: Work, desk: TradingSafety): void {
		if (this.#works.get(namespace)?.delete(work) !== true) return;
		work.over.abort();
		this.#hooks.onShown(namespace, work.raise, performance.now() - work.askedAt, desk);
	}
}
