/** Random numbers from a seed that the test prints, so that a failure can be tried again. */
export class Chance {
	#state: number;

	constructor(t: { readonly log: (text: string) => void }, seed = Math.floor(Math.random() * 2 ** 31)) {
		this.#state = seed;
		t.log(`seed ${seed}`);
	}

	/** A number from 0 up to, and without, 1 (mulberry32). */
	next(): number {
		this.#state = (this.#state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	}

	/** A whole number from `least` to `most`. */
	integer(least: number, most: number): number {
		return least + Math.floor(this.next() * (most - least + 1));
	}

	/** True in this share of the cases. */
	happens(share: number): boolean {
		return this.next() < share;
	}

	/** One of these, each as likely as its weight says. */
	pick<T>(...weighted: readonly (readonly [weight: number, value: T])[]): T {
		const sum = weighted.reduce((total, [weight]) => total + weight, 0);
		let left = this.next() * sum;
		for (const [weight, value] of weighted) {
			left -= weight;
			if (left < 0) return value;
		}
		throw new RangeError("nothing to pick from");
	}

	/** One of these. */
	one<T>(values: readonly T[]): T {
		return this.pick(...values.map((value) => [1, value] as const));
	}

	/** Resolves after a random time below `milliseconds`: when a fault strikes, which no condition can say. */
	moment(milliseconds: number): Promise<void> {
		return new Promise((resolve) => setTimeout(resolve, this.next() * milliseconds));
	}
}
