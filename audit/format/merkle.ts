import { nodeHash } from "./hash.ts";

// Merkle tree proofs as in RFC 9162, sections 2.1.3 and 2.1.4. Sizes are safe integers, so nothing here shifts bits.

/** Leaves from `begin` up to and without `end`. */
export type Range = { readonly begin: number; readonly end: number };

/** The complete subtree of 2^level leaves that begins at leaf index * 2^level. */
export type Subtree = { readonly level: number; readonly index: number };

/** The largest power of two below `size`, which is at least 2. */
export function split(size: number): number {
	let k = 1;
	while (k * 2 < size) k *= 2;
	return k;
}

/** The ranges whose hashes prove that a leaf is in a tree of `size` leaves, from the leaf up. */
export function inclusionRanges(index: number, size: number): readonly Range[] {
	const path = (begin: number, end: number): Range[] => {
		if (end - begin === 1) return [];
		const middle = begin + split(end - begin);
		return index < middle
			? [...path(begin, middle), { begin: middle, end }]
			: [...path(middle, end), { begin, end: middle }];
	};
	return path(0, size);
}

/** The ranges whose hashes prove that the tree of `size` leaves begins with the one of `before` leaves (at least 1). */
export function consistencyRanges(before: number, size: number): readonly Range[] {
	const path = (begin: number, end: number, isWhole: boolean): Range[] => {
		if (before === end) return isWhole ? [] : [{ begin, end }];
		const middle = begin + split(end - begin);
		return before <= middle
			? [...path(begin, middle, isWhole), { begin: middle, end }]
			: [...path(middle, end, false), { begin, end: middle }];
	};
	return path(0, size, true);
}

/** The complete subtrees that a range of a proof, or a whole tree, consists of, from left to right. */
export function subtreesOf({ begin, end }: Range): readonly Subtree[] {
	const found: Subtree[] = [];
	for (let at = begin; at < end; ) {
		let level = 0;
		let width = 1;
		while (at + width * 2 <= end && at % (width * 2) === 0) {
			width *= 2;
			level += 1;
		}
		found.push({ level, index: at / width });
		at += width;
	}
	return found;
}

/** Hash over complete subtrees that follow each other, from left to right; at least one. */
export function foldHashes(hashes: readonly Uint8Array[]): Buffer {
	const [last, ...others] = hashes.toReversed();
	if (last === undefined) throw new RangeError("a hash over nothing");
	return Buffer.from(others.reduce<Uint8Array>((right, left) => nodeHash(left, right), last));
}

/** What an inclusion proof says. */
export type Inclusion = {
	readonly index: number;
	readonly size: number;
	readonly leafHash: Uint8Array;
	readonly proof: readonly Uint8Array[];
	readonly root: Uint8Array;
};

/** True when the proof shows the leaf at that index of the tree with that root (RFC 9162, section 2.1.3.2). */
export function isIncluded({ index, size, leafHash, proof, root }: Inclusion): boolean {
	if (!(index >= 0 && index < size)) return false;
	let [at, last] = [index, size - 1];
	let hash: Uint8Array = leafHash;
	for (const step of proof) {
		if (last === 0) return false;
		if (at % 2 === 1 || at === last) {
			hash = nodeHash(step, hash);
			while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
		} else {
			hash = nodeHash(hash, step);
		}
		[at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
	}
	return last === 0 && Buffer.compare(hash, root) === 0;
}

/** A tree: how many leaves, and the hash over them. */
export type TreeHead = { readonly size: number; readonly root: Uint8Array };

/** True when the proof shows that `after` begins with the leaves of `before` (RFC 9162, section 2.1.4.2). */
export function isConsistent(before: TreeHead, after: TreeHead, proof: readonly Uint8Array[]): boolean {
	if (before.size > after.size) return false;
	if (before.size === after.size) return proof.length === 0 && Buffer.compare(before.root, after.root) === 0;
	if (before.size === 0) return proof.length === 0;
	let [at, last] = [before.size - 1, after.size - 1];
	while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
	const [first, ...steps] = at === 0 ? [before.root, ...proof] : proof;
	if (first === undefined) return false;
	let [was, is]: [Uint8Array, Uint8Array] = [first, first];
	for (const step of steps) {
		if (last === 0) return false;
		if (at % 2 === 1 || at === last) {
			[was, is] = [nodeHash(step, was), nodeHash(step, is)];
			while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
		} else {
			is = nodeHash(is, step);
		}
		[at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
	}
	return last === 0 && Buffer.compare(was, before.root) === 0 && Buffer.compare(is, after.root) === 0;
}
