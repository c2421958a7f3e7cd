import type { KeyRing } from "../log/key-ring.ts";

const inPart = 4_096;

/** Which entries each key has signed, for the day on which one is revoked from an earlier index on. */
export class KeyUses {
	/**
	 * By key: indexes of entries. With a key for each writer they alternate, so that runs of them would take more; and one array of
	 * millions would be copied each time that it grows.
	 */
	readonly #entries = new Map<string, { readonly parts: Float64Array[]; count: number }>();

	/** In the order of the log. */
	add(hint: string, index: number): void {
		let uses = this.#entries.get(hint);
		if (uses === undefined) {
			uses = { parts: [], count: 0 };
			this.#entries.set(hint, uses);
		}
		const at = uses.count % inPart;
		if (at === 0) uses.parts.push(new Float64Array(inPart));
		const part = uses.parts.at(-1);
		if (part !== undefined) part[at] = index;
		uses.count += 1;
	}

	/** Entries so far that this key has signed where it may not any more. */
	doubted(
		ring: KeyRing,
		hint: string,
	): { readonly first: number; readonly last: number; readonly entries: number } | undefined {
		const until = Object.hasOwn(ring, hint) ? ring[hint]?.until : undefined;
		if (until === undefined) return undefined;
		const { parts, count } = this.#entries.get(hint) ?? { parts: [], count: 0 };
		const entries = parts
			.flatMap((part, at) => [...part.subarray(0, count - at * inPart)])
			.filter((index) => index >= until);
		const [first, last] = [entries[0], entries.at(-1)];
		return first === undefined || last === undefined ? undefined : { first, last, entries: entries.length };
	}
}
