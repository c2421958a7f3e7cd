/** What the store said of an object that it holds: read back after it was written. */
export type Written = {
	readonly key: string;
	/** The version that was written; stores without versions have none. */
	readonly versionId: string;
	/** Hex SHA-256 of the bytes. */
	readonly sha256: string;
	readonly bytes: number;
	/** Until when the store lets nobody delete or change it: RFC 3339. Empty where it promises nothing. */
	readonly retainUntil: string;
};

/** Reads objects. */
export type Reading = {
	/** The first version of an object; undefined where there is none. Throws `STORE`. */
	readonly get: (key: string) => Promise<Buffer | undefined>;
	/** Keys with this prefix after that key, in order, at most so many. Throws `STORE`. */
	readonly list: (
		prefix: string,
		options?: { readonly after?: string; readonly most?: number },
	) => Promise<readonly string[]>;
};

/** A place where objects are written once. */
export type Store = Reading & {
	/**
	 * Writes an object that is not there yet and reads it back. The same bytes again are no error: an answer may have been
	 * lost. Throws `FENCED` where other bytes are there, `WORM` where the store does not hold what it was asked to, and
	 * `STORE` where nobody knows whether it was written.
	 */
	readonly put: (key: string, bytes: Buffer) => Promise<Written>;
};

/** The last key with a prefix, of keys that end in numbers of 12 digits; few calls however many there are. */
export async function lastNumbered(
	store: Reading,
	prefix: string,
	numberOf: (key: string) => number | undefined,
): Promise<number | undefined> {
	const first = async (from: string | undefined) => {
		let after = from;
		for (;;) {
			const [key] = await store.list(prefix, { most: 1, ...(after !== undefined && { after }) });
			const number = key === undefined ? undefined : numberOf(key);
			if (key === undefined || number !== undefined) return number;
			// What somebody else has put there does not hide what comes after it.
			after = key;
		}
	};
	const firstAfter = (number: number) => first(`${prefix}${String(number).padStart(12, "0")}~`);
	let low = await first(undefined);
	if (low === undefined) return undefined;
	// Doubling finds a bound, halving the last one below it.
	let step = 1;
	let high: number | undefined;
	while (high === undefined) {
		const next = await firstAfter(low + step - 1);
		if (next === undefined) high = low + step;
		else [low, step] = [next, step * 2];
	}
	while (high - low > 1) {
		const middle = Math.floor((low + high) / 2);
		const next = await firstAfter(middle - 1);
		if (next === undefined) high = middle;
		else low = next;
	}
	return low;
}
