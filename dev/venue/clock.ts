/**
 * Milliseconds since 1970 with parts of a millisecond, monotonic within this process. A change of the wall clock while
 * the process runs is not followed, so processes that began before and after it disagree by it.
 */
export function wallNow(): number {
	return performance.timeOrigin + performance.now();
}
