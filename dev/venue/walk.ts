/** Random numbers from 0 up to, and without, 1, the same again for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
	let state = seed | 0;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** How far a price goes in one step: the deviation of one step, in basis points. */
const stepBasisPoints = 2;

/** The next price of a random walk. It stays between a half and the double of where it began. */
export function nextPrice(price: number, start: number, random: () => number): number {
	// The sum of twelve is normal enough, and has no tails that would end a demo.
	let normal = -6;
	for (let draw = 0; draw < 12; draw += 1) normal += random();
	return Math.min(2 * start, Math.max(start / 2, price * (1 + (normal * stepBasisPoints) / 10_000)));
}
