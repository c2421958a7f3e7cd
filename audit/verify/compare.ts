import type { FindingCode } from "./finding.ts";

/** How what is there differs from what the tree holds, first of all. */
export type Difference = {
	readonly code: Extract<
		FindingCode,
		"EntryChanged" | "EntryDropped" | "EntryDuplicated" | "EntriesReordered" | "EntryInserted"
	>;
	/** Of the first one that differs. */
	readonly at: number;
};

/** Compares the hashes of entries with those in the tree; undefined where they are the same. */
export function difference(wanted: readonly Buffer[], found: readonly Buffer[]): Difference | undefined {
	const text = (hashes: readonly Buffer[]) => hashes.map((hash) => hash.toString("hex"));
	const [want, have] = [text(wanted), text(found)];
	const at = want.findIndex((hash, index) => have[index] !== hash);
	if (at < 0 && want.length === have.length) return undefined;
	const place = at < 0 ? want.length : at;
	if (have.length < want.length) return { code: "EntryDropped", at: place };
	if (have.length > want.length) {
		const isTwice = have.indexOf(have[place] ?? "") !== have.lastIndexOf(have[place] ?? "");
		return { code: isTwice ? "EntryDuplicated" : "EntryInserted", at: place };
	}
	const isSameSet = want.toSorted().join() === have.toSorted().join();
	return { code: isSameSet ? "EntriesReordered" : "EntryChanged", at: place };
}
