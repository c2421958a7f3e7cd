import { encodeBundles, type Proven } from "../format/bundle.ts";
import { leafHash } from "../format/hash.ts";
import type { LeafParts } from "../format/leaf.ts";
import { encodeLeaves } from "../format/leaves.ts";
import { inclusionProofs } from "../format/proofs.ts";
import { leavesPath, tilePath, tileWidth } from "../format/tiles.ts";
import { grow, rootHash, type TileBytes, type Tree } from "../format/tree.ts";

/** What a round writes beside its batch, checkpoint and manifest. */
export type RoundObjects = {
	readonly tree: Tree;
	readonly tiles: readonly TileBytes[];
	/** Leaves and tiles by key. */
	readonly objects: readonly (readonly [key: string, bytes: Buffer])[];
	/** Leaves below the last tile, if that is not full. */
	readonly tail: readonly Buffer[];
};

/** Leaves and tiles of a round: they follow from the leaves that are appended, and from what was there. */
export function roundObjects(before: Tree, tail: readonly Buffer[], added: readonly Buffer[]): RoundObjects {
	const { tree, tiles } = grow(before, Buffer.concat(added.map((leaf) => leafHash(leaf))));
	const firstLeaf = before.size - tail.length;
	const leaves = [...tail, ...added];
	const objects = tiles.flatMap(({ tile, bytes }): readonly (readonly [string, Buffer])[] => {
		const own = [tilePath(tile), bytes] as const;
		if (tile.level > 0) return [own];
		const begin = tile.index * tileWidth - firstLeaf;
		return [[leavesPath(tile), encodeLeaves(leaves.slice(begin, begin + tile.width))] as const, own];
	});
	const inTail = tree.size % tileWidth;
	return { tree, tiles, objects, tail: inTail === 0 ? [] : leaves.slice(-inTail) };
}

/** Room for a usual bundle. */
const expectedBundleBytes = 2_560;

/** What the bundles of a round are made of. */
export type BundleParts = {
	readonly leaves: readonly LeafParts[];
	/** Each as it is in the log, in base64. */
	readonly bodyOf: (at: number) => string;
	/** Index of the first of them. */
	readonly first: number;
	/** The tree with them, and the tiles that they brought. */
	readonly tree: Tree;
	readonly tiles: readonly TileBytes[];
	/** The signed note of that tree. */
	readonly checkpoint: string;
	readonly logId: Uint8Array;
};

/** The object with the sigstore bundles of a round, a line each. */
export function bundlesOf(parts: BundleParts): Buffer {
	const { leaves, tree, checkpoint, logId } = parts;
	const round = { size: tree.size, root: rootHash(tree), checkpoint, logId };
	return encodeBundles(round, provenIn(parts), leaves.length * expectedBundleBytes);
}

/** One after the other: none of the texts that it is made of is kept. */
function* provenIn({ leaves, bodyOf, first, tree, tiles }: BundleParts): Generator<Proven> {
	const known = new Map(tiles.map(({ tile, bytes }) => [tilePath(tile), bytes]));
	// What lies beside the way from a new leaf to the root is in tiles that the round wrote, or in the last ones.
	const proofs = inclusionProofs(
		first,
		tree.size,
		(tile) => known.get(tilePath(tile)) ?? tree.edge[tile.level] ?? Buffer.alloc(0),
	);
	for (const [at, leaf] of leaves.entries()) {
		yield { leaf, body: bodyOf(at), index: first + at, proof: proofs[at] ?? "" };
	}
}
