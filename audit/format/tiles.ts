import { hashLength, nodeHashes } from "./hash.ts";
import { foldHashes, type Range, type Subtree, subtreesOf } from "./merkle.ts";

// Where hashes are, as in C2SP tlog-tiles: https://c2sp.org/tlog-tiles

/** Hashes in a full tile. */
export const tileWidth = 256;
/** Levels of the tree in one level of tiles. */
export const tileHeight = 8;

/** One tile: `width` hashes of `level`, of which each covers 256^level leaves. */
export type Tile = { readonly level: number; readonly index: number; readonly width: number };

/** Its key. A tile with less than 256 hashes is a partial one, and never written again under that width. */
export function tilePath({ level, index, width }: Tile): string {
	return `tile/${level}/${numberPath(index)}${partial(width)}`;
}

/** The key of the leaves below a tile of level 0. */
export function leavesPath({ index, width }: Pick<Tile, "index" | "width">): string {
	return `tile/entries/${numberPath(index)}${partial(width)}`;
}

function partial(width: number): string {
	return width === tileWidth ? "" : `.p/${width}`;
}

/** Groups of three digits, all but the last with an x: 1234067 is x001/x234/067. */
function numberPath(index: number): string {
	const digits = String(index);
	const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
	const groups = padded.match(/.{3}/g) ?? [];
	return groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join("/");
}

/** How many hashes of a level a tree of this size has. */
export function hashesAt(level: number, size: number): number {
	return Math.floor(size / tileWidth ** level);
}

/** The tiles that a tree has more, or wider, than when it was smaller: what is to be written when it grows. */
export function tilesBetween(before: number, size: number): readonly Tile[] {
	const tiles: Tile[] = [];
	for (let level = 0; hashesAt(level, size) > 0; level += 1) {
		const [was, is] = [hashesAt(level, before), hashesAt(level, size)];
		for (let index = Math.floor(was / tileWidth); index * tileWidth < is && was < is; index += 1) {
			tiles.push({ level, index, width: Math.min(tileWidth, is - index * tileWidth) });
		}
	}
	return tiles;
}

/** The tile of a tree of this size that a complete subtree is in. */
export function tileOf({ level, index }: Subtree, size: number): Tile {
	const tileLevel = Math.floor(level / tileHeight);
	const first = index * 2 ** (level % tileHeight);
	const tileIndex = Math.floor(first / tileWidth);
	const width = Math.min(tileWidth, hashesAt(tileLevel, size) - tileIndex * tileWidth);
	return { level: tileLevel, index: tileIndex, width };
}

/** Hash of a complete subtree, out of the bytes of its tile. */
export function subtreeHash({ level, index }: Subtree, tile: Uint8Array): Buffer {
	const count = 2 ** (level % tileHeight);
	const first = (index * count) % tileWidth;
	let hashes: Buffer = Buffer.from(tile.subarray(first * hashLength, (first + count) * hashLength));
	while (hashes.length > hashLength) hashes = nodeHashes(hashes);
	return hashes;
}

/** The tiles that hashes of these ranges are in, each once. */
export function tilesFor(ranges: readonly Range[], size: number): readonly Tile[] {
	const tiles = ranges.flatMap(subtreesOf).map((subtree) => tileOf(subtree, size));
	return [...new Map(tiles.map((tile) => [tilePath(tile), tile])).values()];
}

/** Hashes of ranges, such as a proof consists of. `read` gives the bytes of those of {@link tilesFor}. */
export function rangeHashes(
	ranges: readonly Range[],
	size: number,
	read: (tile: Tile) => Uint8Array,
): readonly Buffer[] {
	return ranges.map((range) =>
		foldHashes(subtreesOf(range).map((subtree) => subtreeHash(subtree, read(tileOf(subtree, size))))),
	);
}
