/** How far the clock of this machine may be off before it is not used: less is lost in the time of a call. */
const toleranceMilliseconds = 5_000;
/** A Date header has whole seconds. */
const precisionMilliseconds = 1_000;

/** For how long a comparison counts: a clock drifts by milliseconds in this time. */
const comparedMilliseconds = 600_000;

/**
 * The time now, for people and for what replicas tell each other: RFC 3339 with milliseconds. Where this machine
 * is off by more than seconds it is the API server's time, so that no cooldown ends early and no status looks
 * young by a wrong clock. Durations are measured on the monotonic clock.
 */
export class Clock {
	readonly #onOffset: (seconds: number) => void;
	#offset = 0;
	#compared: { readonly at: number; readonly errorMilliseconds: number } | undefined;

	/** `onOffset` is told when the clock is found to be off, or right again (0). */
	constructor(onOffset: (seconds: number) => void) {
		this.#onOffset = onOffset;
	}

	now(): string {
		return new Date(Date.now() + this.#offset).toISOString();
	}

	/** How far this machine's clock may be off the API server's, seen within the last ten minutes; undefined: nobody knows. */
	errorMilliseconds(): number | undefined {
		const isRecent =
			this.#compared !== undefined && performance.now() - this.#compared.at < comparedMilliseconds;
		return isRecent ? this.#compared?.errorMilliseconds : undefined;
	}

	/** Takes in the Date header of an answer to a call that was sent at `sentAt` (`Date.now()`) and is here now. */
	hear(date: string | undefined, sentAt: number): void {
		const earliest = Date.parse(date ?? "");
		if (Number.isNaN(earliest)) return;
		const ahead = earliest + precisionMilliseconds - sentAt;
		const behind = earliest - Date.now();
		this.#compared = {
			at: performance.now(),
			errorMilliseconds: Math.max(Math.abs(ahead), Math.abs(behind)),
		};
		const offset = ahead < -toleranceMilliseconds ? ahead : behind > toleranceMilliseconds ? behind : 0;
		const isNews = Math.abs(offset - this.#offset) > toleranceMilliseconds;
		this.#offset = offset;
		if (isNews) this.#onOffset(offset / 1000);
	}
}
