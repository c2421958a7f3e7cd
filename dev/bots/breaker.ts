/** A circuit breaker against a venue that does not take orders. Times in milliseconds of the monotonic clock. */
export type Breaker = {
	/** Failures in a row. */
	readonly failures: number;
	readonly openUntil: number;
	readonly trips: number;
};

const failuresAtMost = 8;
const restMilliseconds = 1_000;

/** Lets orders through. */
export const freshBreaker: Breaker = { failures: 0, openUntil: Number.NEGATIVE_INFINITY, trips: 0 };

/** The breaker after an order: it trips after some failures in a row, and then rests. */
export function noteOutcome(breaker: Breaker, isGood: boolean, now: number): Breaker {
	if (isGood) return { ...breaker, failures: 0 };
	const failures = breaker.failures + 1;
	if (failures < failuresAtMost) return { ...breaker, failures };
	return { failures: 0, openUntil: now + restMilliseconds, trips: breaker.trips + 1 };
}
