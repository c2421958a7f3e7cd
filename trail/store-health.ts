import { isAuditError, messageOf } from "../audit/error.ts";

/** How long the store may fail before it is said: milliseconds. */
const toleratedMilliseconds = 5_000;

/** What is known of the store from the calls that were made. Times are of a monotonic clock, in milliseconds. */
export class StoreHealth {
	readonly #now: () => number;
	#failing: { readonly since: number; readonly error: unknown } | undefined;
	#broken: unknown;

	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
	}

	/** Something was read. */
	answered(): void {
		this.#failing = undefined;
	}

	/** A round was written, and the store holds it as it should. */
	kept(): void {
		this.#failing = undefined;
		this.#broken = undefined;
	}

	failed(error: unknown): void {
		// Somebody else was faster: that is an answer.
		if (isAuditError(error, "FENCED")) return;
		// That it does not keep its promise does not pass with time.
		if (isAuditError(error, "WORM", "FORK", "KEY", "FORMAT")) this.#broken = error;
		else this.#failing = { since: this.#failing?.since ?? this.#now(), error };
	}

	/** Why the store cannot be counted on, a line each. `waitingSince`: since when the oldest entry waits for it. */
	problems(waitingSince?: number): readonly string[] {
		const found: string[] = [];
		if (this.#broken !== undefined) found.push(`the store is not as it must be: ${messageOf(this.#broken)}`);
		const now = this.#now();
		if (this.#failing !== undefined && now - this.#failing.since > toleratedMilliseconds) {
			const seconds = Math.round((now - this.#failing.since) / 1_000);
			found.push(`the store has not answered for ${seconds} s: ${messageOf(this.#failing.error)}`);
		} else if (waitingSince !== undefined && now - waitingSince > toleratedMilliseconds) {
			found.push(`entries have been waiting for the store for ${Math.round((now - waitingSince) / 1_000)} s`);
		}
		return found;
	}
}
