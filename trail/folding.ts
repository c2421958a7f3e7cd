import type { Happening } from "../audit/recorder.ts";

/** Attempts that are alike: the last of them, and how many there were that no entry tells of yet. */
type Fold = {
	readonly last: Happening;
	readonly count: number;
	/** When one was last recorded. */
	readonly recordedAt: number;
};

/** How often attempts that are alike are recorded: milliseconds. */
const foldMilliseconds = 60_000;
/** Different attempts that are known at once. */
const mostFolds = 1_000;
/** Those beyond are recorded as one. */
const overflow = "";

/**
 * Makes few entries of storms: the first of attempts that are alike at once, those after it once a minute with their number.
 * The number is in memory until then.
 */
export class Folding {
	readonly #now: () => number;
	readonly #folds = new Map<string, Fold>();

	/** `now`: milliseconds of a clock that is never set. */
	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
	}

	/** What is to be recorded now; undefined: it is counted. */
	add(key: string, happening: Happening): Happening | undefined {
		const isKnown = this.#folds.has(key);
		const folded = isKnown || this.#folds.size < mostFolds ? key : overflow;
		const fold = this.#folds.get(folded);
		if (fold === undefined) {
			this.#folds.set(folded, { last: happening, count: 0, recordedAt: this.#now() });
			return happening;
		}
		this.#folds.set(folded, { ...fold, last: happening, count: fold.count + 1 });
		return undefined;
	}

	/** What is to be recorded of those that were counted, once their minute is over, or all of it. */
	due(all = false): readonly Happening[] {
		const now = this.#now();
		const found: Happening[] = [];
		for (const [key, { last, count, recordedAt }] of this.#folds) {
			if (!all && now - recordedAt < foldMilliseconds) continue;
			// Nothing came for a minute: the next one is a first one again.
			if (count === 0) this.#folds.delete(key);
			else {
				found.push(counted(last, count, key === overflow));
				this.#folds.set(key, { last, count: 0, recordedAt: now });
			}
		}
		return found;
	}
}

/** The last of them stands for all. */
function counted(last: Happening, count: number, isMixed: boolean): Happening {
	return {
		...last,
		metadata: {
			...last.metadata,
			repeated: String(count),
			...(isMixed && {
				note: `the last of ${count} of different kinds: more than ${mostFolds} kinds at once`,
			}),
		},
	};
}
