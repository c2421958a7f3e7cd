/** Settings of {@link until}. */
export type UntilOptions = {
	/** How long to wait before giving up. Generous by default: speed is judged by the bench, not here. */
	readonly timeoutMilliseconds?: number;
	readonly intervalMilliseconds?: number;
};

/**
 * Waits until `condition` returns something other than `undefined`, `null` or `false`, and returns that.
 * Throws with `description` and the last error seen when the time is over.
 */
export async function until<T>(
	description: string,
	condition: () => T | Promise<T>,
	options: UntilOptions = {},
): Promise<NonNullable<T>> {
	const timeout = options.timeoutMilliseconds ?? 30_000;
	const interval = options.intervalMilliseconds ?? 20;
	const end = performance.now() + timeout;
	let lastError: unknown;
	for (;;) {
		try {
			const value = await condition();
			if (value !== undefined && value !== null && value !== false) return value as NonNullable<T>;
			lastError = undefined;
		} catch (error) {
			lastError = error;
		}
		if (performance.now() > end) {
			const last = lastError instanceof Error ? `; at last: ${lastError.message}` : "";
			throw new Error(`waited ${timeout} ms until ${description}${last}`, { cause: lastError });
		}
		await new Promise((resolve) => setTimeout(resolve, interval));
	}
}
