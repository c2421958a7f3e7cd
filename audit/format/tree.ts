import { AuditError } from "../error.ts";
import { emptyRoot, hashLength } from "./hash.ts";
import { foldHashes, subtreesOf } from "./merkle.ts";
import { hashesAt, subtreeHash, type Tile, tileOf, tilePath, tilesBetween, tileWidth } from "./tiles.ts";

/**
 * A tree that grows: how many leaves it has, and the hashes of the last tile of each level, which is all that is needed to
 * append to it and to prove what was appended.
 */
export type Tree = {
	readonly size: number;
	/** By level: the hashes of its last tile, if that is not full. */
	readonly edge: readonly Buffer[];
};

/** The tree without leaves. */
export const emptyTree: Tree = { size: 0, edge: [] };

/** A tile and its bytes. */
export type TileBytes = { readonly tile: Tile; readonly bytes: Buffer };

/** The tree with more leaves, given by their hashes one after the other, and the tiles that are to be written for it. */
export function grow(
	tree: Tree,
	leafHashes: Buffer,
): { readonly tree: Tree; readonly tiles: readonly TileBytes[] } {
	const size = tree.size + leafHashes.length / hashLength;
	const tiles: TileBytes[] = [];
	const edge: Buffer[] = [];
	let added = leafHashes;
	for (let level = 0; hashesAt(level, size) > 0; level += 1) {
		const above: Buffer[] = [];
		const first = Math.floor(hashesAt(level, tree.size) / tileWidth);
		const all = Buffer.concat([tree.edge[level] ?? Buffer.alloc(0), added]);
		for (let at = 0, index = first; at < all.length; at += tileWidth * hashLength, index += 1) {
			const bytes = all.subarray(at, at + tileWidth * hashLength);
			const width = bytes.length / hashLength;
			if (added.length > 0) tiles.push({ tile: { level, index, width }, bytes });
			if (width === tileWidth) above.push(rootOf(bytes));
			else edge[level] = bytes;
		}
		edge[level] ??= Buffer.alloc(0);
		added = Buffer.concat(above);
	}
	return { tree: { size, edge }, tiles };
}

/** Hash over the leaves of a full tile of level 0, or over those of the same number of subtrees. */
function rootOf(tile: Buffer): Buffer {
	const half = (index: number) => subtreeHash({ level: 7, index }, tile);
	return foldHashes([half(0), half(1)]);
}

/** Hash over all leaves. */
export function rootHash({ size, edge }: Tree): Buffer {
	if (size === 0) return emptyRoot;
	// What is left of every complete subtree is in the last tile of its level.
	return foldHashes(
		subtreesOf({ begin: 0, end: size }).map((subtree) => {
			const { level } = tileOf(subtree, size);
			return subtreeHash(subtree, edge[level] ?? Buffer.alloc(0));
		}),
	);
}

/** The tiles that a tree of this size ends with: what {@link readTree} needs. */
export function edgeTiles(size: number): readonly Tile[] {
	const tiles: Tile[] = [];
	for (let level = 0; hashesAt(level, size) > 0; level += 1) {
		const count = hashesAt(level, size);
		const width = count % tileWidth;
		if (width > 0) tiles.push({ level, index: Math.floor(count / tileWidth), width });
	}
	return tiles;
}

/** The tree of this size, from its last tiles. Throws `FORMAT` for tiles of another length. */
export function readTree(size: number, read: (tile: Tile) => Buffer): Tree {
	const edge: Buffer[] = [];
	for (let level = 0; hashesAt(level, size) > 0; level += 1) edge[level] = Buffer.alloc(0);
	for (const tile of edgeTiles(size)) {
		const bytes = read(tile);
		if (bytes.length !== tile.width * hashLength) {
			throw new AuditError(
				"FORMAT",
				`${tilePath(tile)} has ${bytes.length} bytes, not ${tile.width * hashLength}`,
			);
		}
		edge[tile.level] = bytes;
	}
	return { size, edge };
}

/** All tiles of a tree of this size, the leaves' first. */
export function allTiles(size: number): readonly Tile[] {
	return tilesBetween(0, size);
}
