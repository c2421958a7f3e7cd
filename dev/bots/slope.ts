/** A flattening on its way. Times in milliseconds of the monotonic clock. */
export type Slope = {
	readonly startedAt: number;
	readonly endsAt: number;
	/** How much each symbol held when it began, without sign. */
	readonly from: Readonly<Record<string, number>>;
};

/** The most that may still be held at a time: a straight line from what there was down to zero. */
export function heldAtMost({ startedAt, endsAt, from }: Slope, symbol: string, now: number): number {
	if (now >= endsAt) return 0;
	const share = (endsAt - now) / (endsAt - startedAt);
	return Math.ceil((from[symbol] ?? 0) * share);
}

/** Of two slopes the one that ends first: nobody is let off by being told again. */
export function steeper(a: Slope | undefined, b: Slope): Slope {
	return a !== undefined && a.endsAt <= b.endsAt ? a : b;
}
