import type { Workload } from "../core/observed.ts";

/** How long a workload may be without a pod before its controller is asked anew; each next time twice as long. */
const firstPauseMilliseconds = 10_000;
const longestPauseMilliseconds = 300_000;

type Waiting = { readonly since: number; readonly pauseMilliseconds: number };

/** For how long workloads that should run have been without any pod. */
export class Podless {
	/** By UID of the workload. */
	readonly #waiting = new Map<string, Waiting>();

	/**
	 * Takes in those without a pod and returns those that have been for long enough; their time starts over.
	 * `now` in milliseconds of a monotonic clock.
	 */
	due(podless: readonly Workload[], namespace: string, now: number): readonly Workload[] {
		const prefix = `${namespace}/`;
		const present = new Set(podless.map(({ uid }) => prefix + uid));
		for (const key of this.#waiting.keys()) {
			if (key.startsWith(prefix) && !present.has(key)) this.#waiting.delete(key);
		}
		return podless.filter(({ uid }) => {
			const key = prefix + uid;
			const waiting = this.#waiting.get(key) ?? { since: now, pauseMilliseconds: firstPauseMilliseconds };
			const isDue = now - waiting.since >= waiting.pauseMilliseconds;
			const pauseMilliseconds = Math.min(2 * waiting.pauseMilliseconds, longestPauseMilliseconds);
			this.#waiting.set(key, isDue ? { since: now, pauseMilliseconds } : waiting);
			return isDue;
		});
	}
}
