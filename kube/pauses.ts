import { type Backoff, backoffDelay } from "./backoff.ts";
import { isKubeError } from "./error.ts";

const defaultBackoff: Backoff = { baseMilliseconds: 50, factor: 2, capMilliseconds: 2_000 };

/** A server that asks for a longer pause would make the reflector blind for as long as it likes. */
const longestRetryAfterMilliseconds = 10_000;

/** A server that closes every watch properly at once would otherwise be asked thousands of times per second. */
const quickCloseMilliseconds = 100;

/** How long a reflector waits before its next list or watch. All results are in milliseconds. */
export class Pauses {
	readonly #backoff: Backoff;
	/** In a row; an event or a proper close ends the row. */
	#failures = 0;
	/** Watches in a row that were closed at once without an event. */
	#quickCloses = 0;

	constructor(backoff: Backoff = defaultBackoff) {
		this.#backoff = backoff;
	}

	/** The watch has delivered something. */
	delivered(): void {
		this.#failures = 0;
		this.#quickCloses = 0;
	}

	/** After the first failure in a row none, then the back-off; never less than the server asked for, within reason. */
	failed(error: unknown): number {
		this.#failures += 1;
		const asked = isKubeError(error) ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
		const pause = backoffDelay(this.#backoff, this.#failures - 1);
		return Math.max(pause, Math.min(asked, longestRetryAfterMilliseconds));
	}

	/** After a proper close none, and a short one that does not grow where watches are closed as soon as opened. */
	closed(livedMilliseconds: number, delivered: boolean): number {
		this.#failures = 0;
		this.#quickCloses = delivered || livedMilliseconds >= 1000 ? 0 : this.#quickCloses + 1;
		return this.#quickCloses > 1 ? quickCloseMilliseconds : 0;
	}
}
