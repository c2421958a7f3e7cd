import type { KeyRing } from "../log/key-ring.ts";

/** Which entries each key has signed, for the day on which one is revoked from an earlier index on. */
export class KeyUses {
	/** By key: indexes of entries. With a key for each writer they alternate, so that runs of them would take more. */
	readonly #entries = new Map<string, number[]>();

	/** In the order of the log. */
	add(hint: string, index: number): void {
		const entries = this.#entries.get(hint);
		if (entries === undefined) this.#entries.set(hint, [index]);
		else entries.push(index);
	}

	/** Entries so far that this key has signed where it may not any more. */
	doubted(
		ring: KeyRing,
		hint: string,
	): { readonly first: number; readonly last: number; readonly entries: number } | undefined {
		const until = Object.hasOwn(ring, hint) ? ring[hint]?.until : undefined;
		if (until === undefined) return undefined;
		const entries = (this.#entries.get(hint) ?? []).filter((index) => index >= until);
		const [first, last] = [entries[0], entries.at(-1)];
		return first === undefined || last === undefined ? undefined : { first, last, entries: entries.length };
	}
}
