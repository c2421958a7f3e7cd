import type { Returning } from "../core/restore.ts";

/** How long a workload may be without a pod before its controller is asked anew; each next time twice as long. */
const firstPauseMilliseconds = 10_000;
const longestPauseMilliseconds = 300_000;

type Waiting = { readonly since: number; readonly pauseMilliseconds: number };

/** For how long workloads of one desk that should run have been without any pod. */
export class Podless {
	/** By UID of the workload. */
	#waiting: ReadonlyMap<string, Waiting> = new Map();

	/**
	 * Takes in those without a pod and returns those that have been for long enough; their time starts over.
	 * `now` in milliseconds of a monotonic clock.
	 */
	due<R extends Pick<Returning, "workload">>(podless: readonly R[], now: number): readonly R[] {
		const before = this.#waiting;
		const waiting = new Map<string, Waiting>();
		this.#waiting = waiting;
		return podless.filter(({ workload: { uid } }) => {
			const { since, pauseMilliseconds } = before.get(uid) ?? {
				since: now,
				pauseMilliseconds: firstPauseMilliseconds,
			};
			const isDue = now - since >= pauseMilliseconds;
			const next = {
				since: now,
				pauseMilliseconds: Math.min(2 * pauseMilliseconds, longestPauseMilliseconds),
			};
			waiting.set(uid, isDue ? next : { since, pauseMilliseconds });
			return isDue;
		});
	}
}
