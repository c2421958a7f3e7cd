import type { KeyRing } from "../log/key-ring.ts";

/** Which entries each key has signed, for the day on which one is revoked from an earlier index on. */
export class KeyUses {
	/** By key: runs of entries, first and last of each. */
	readonly #runs = new Map<string, [first: number, last: number][]>();

	/** In the order of the log. */
	add(hint: string, index: number): void {
		const runs = this.#runs.get(hint) ?? [];
		this.#runs.set(hint, runs);
		const run = runs.at(-1);
		if (run?.[1] === index - 1) run[1] = index;
		else runs.push([index, index]);
	}

	/** Entries so far that this key has signed where it may not any more. */
	doubted(
		ring: KeyRing,
		hint: string,
	): { readonly first: number; readonly last: number; readonly entries: number } | undefined {
		const until = Object.hasOwn(ring, hint) ? ring[hint]?.until : undefined;
		if (until === undefined) return undefined;
		const runs = (this.#runs.get(hint) ?? []).filter(([, last]) => last >= until);
		const [first, last] = [runs[0]?.[0], runs.at(-1)?.[1]];
		if (first === undefined || last === undefined) return undefined;
		const entries = runs.reduce((sum, [from, to]) => sum + to - Math.max(from, until) + 1, 0);
		return { first: Math.max(first, until), last, entries };
	}
}
