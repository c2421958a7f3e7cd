/** How much later than now a time may be by the clock of another. */
const skewMilliseconds = 60_000;

/** True for a time (RFC 3339) that may have been written: one there is, and not in the future. */
export function isPlausibleTime(text: string | undefined, now: string): boolean {
	return Date.parse(text ?? "") <= Date.parse(now) + skewMilliseconds;
}

/** The later of two times (RFC 3339); one that is no time does not count. */
export function laterTime(a: string | undefined, b: string | undefined): string | undefined {
	const time = (text: string | undefined) => Date.parse(text ?? "");
	if (Number.isNaN(time(a))) return Number.isNaN(time(b)) ? undefined : b;
	return time(b) > time(a) ? b : a;
}
