/** `emergency` calls neither wait for the rate nor for normal calls. */
export type Priority = "normal" | "emergency";

export type LimiterOptions = {
	/** Rate of normal calls. */
	readonly perSecond: number;
	/** How many normal calls may go at once after a quiet time. */
	readonly burst: number;
	readonly normalInFlight: number;
	readonly emergencyInFlight: number;
};

type Waiting = { readonly start: () => void };

/** One line of callers that share a number of places. */
class Lane {
	readonly places: number;
	taken = 0;
	readonly waiting = new Set<Waiting>();

	constructor(places: number) {
		this.places = places;
	}
}

/**
 * Says when a call may start. Normal calls obey a token bucket and their own bound in flight; emergency calls
 * only a bound of their own, so that however many normal calls hang, none of them is in the way.
 */
export class Limiter {
	readonly #options: LimiterOptions;
	readonly #now: () => number;
	readonly #lanes: Readonly<Record<Priority, Lane>>;
	#tokens: number;
	#filledAt: number;
	#timer: NodeJS.Timeout | undefined;

	/** `now` is a monotonic clock in milliseconds. */
	constructor(options: LimiterOptions, now: () => number = () => performance.now()) {
		this.#options = options;
		this.#now = now;
		this.#lanes = {
			normal: new Lane(options.normalInFlight),
			emergency: new Lane(options.emergencyInFlight),
		};
		this.#tokens = options.burst;
		this.#filledAt = now();
	}

	/**
	 * Resolves when the call may start, with what gives the place back (call it once, in `finally`).
	 * Rejects with the signal's reason when it is aborted first.
	 */
	acquire(priority: Priority, signal: AbortSignal): Promise<() => void> {
		if (signal.aborted) return Promise.reject(signal.reason);
		const lane = this.#lanes[priority];
		return new Promise((resolve, reject) => {
			const abort = () => {
				lane.waiting.delete(waiting);
				if (this.#lanes.normal.waiting.size === 0) this.#stopTimer();
				reject(signal.reason);
			};
			const waiting: Waiting = {
				start: () => {
					signal.removeEventListener("abort", abort);
					lane.taken += 1;
					resolve(() => {
						lane.taken -= 1;
						this.#admit(priority);
					});
				},
			};
			signal.addEventListener("abort", abort);
			lane.waiting.add(waiting);
			this.#admit(priority);
		});
	}

	#admit(priority: Priority): void {
		const lane = this.#lanes[priority];
		for (const waiting of lane.waiting) {
			if (lane.taken >= lane.places) return;
			if (priority === "normal" && !this.#takeToken()) return;
			lane.waiting.delete(waiting);
			waiting.start();
		}
	}

	/** Left running with nobody waiting, it would keep the process alive. */
	#stopTimer(): void {
		clearTimeout(this.#timer);
		this.#timer = undefined;
	}

	#takeToken(): boolean {
		const { perSecond, burst } = this.#options;
		const now = this.#now();
		this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * perSecond);
		this.#filledAt = now;
		if (this.#tokens >= 1) {
			this.#tokens -= 1;
			return true;
		}
		this.#timer ??= setTimeout(
			() => {
				this.#timer = undefined;
				this.#admit("normal");
			},
			Math.max(1, ((1 - this.#tokens) / perSecond) * 1000),
		);
		return false;
	}
}
