/** How far the clock of this machine may be off before it is not used: less is lost in the time of a call. */
const toleranceMilliseconds = 5_000;
/** A Date header has whole seconds. */
const precisionMilliseconds = 1_000;

/**
 * The time now, for people and for what replicas tell each other: RFC 3339 with milliseconds. Where this machine
 * is off by more than seconds it is the API server's time, so that no cooldown ends early and no status looks
 * young by a wrong clock. Durations are measured on the monotonic clock.
 */
export class Clock {
	readonly #onOffset: (seconds: number) => void;
	#offset = 0;

	/** `onOffset` is told when the clock is found to be off, or right again (0). */
	constructor(onOffset: (seconds: number) => void) {
		this.#onOffset = onOffset;
	}

	now(): string {
		return new Date(Date.now() + this.#offset).toISOString();
	}

	/** Takes in the Date header of an answer to a call that was sent at `sentAt` (`Date.now()`) and is here now. */
	hear(date: string | undefined, sentAt: number): void {
		const earliest = Date.parse(date ?? "");
		if (Number.isNaN(earliest)) return;
		const ahead = earliest + precisionMilliseconds - sentAt;
		const behind = earliest - Date.now();
		const offset = ahead < -toleranceMilliseconds ? ahead : behind > toleranceMilliseconds ? behind : 0;
		const isNews = Math.abs(offset - this.#offset) > toleranceMilliseconds;
		this.#offset = offset;
		if (isNews) this.#onOffset(offset / 1000);
	}
}
