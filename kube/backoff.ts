/** How long to wait after the n-th failure in a row: `base * factor^(n-1)`, capped. */
export type Backoff = {
	readonly baseMilliseconds: number;
	readonly factor: number;
	readonly capMilliseconds: number;
};

/**
 * The wait after `failures` failures in a row (1 is the first), in milliseconds: between half of the step and
 * the whole of it, so that clients that failed together do not come back together.
 */
export function backoffDelay(backoff: Backoff, failures: number, random: () => number = Math.random): number {
	if (failures < 1) return 0;
	const step = Math.min(backoff.capMilliseconds, backoff.baseMilliseconds * backoff.factor ** (failures - 1));
	return step * (0.5 + random() / 2);
}

/** Resolves after `milliseconds`, or as soon as `signal` is aborted; never rejects. */
export function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
	if (signal.aborted || milliseconds <= 0) return Promise.resolve();
	return new Promise((resolve) => {
		const finish = () => {
			clearTimeout(timer);
			signal.removeEventListener("abort", finish);
			resolve();
		};
		const timer = setTimeout(finish, milliseconds);
		signal.addEventListener("abort", finish);
	});
}
