import { hashLength, nodeHash } from "./hash.ts";
import { foldHashes, type Range, type Subtree, split, subtreesOf } from "./merkle.ts";
import { type Tile, tileHeight, tileOf, tileWidth } from "./tiles.ts";

/**
 * The inclusion proofs of all leaves from `first` on in a tree of `size` leaves, in one walk: what lies beside the way to one leaf
 * lies beside the ways to its neighbours too. Each proof is its hashes in base64 from the leaf up, as JSON without brackets.
 * `read` gives the bytes of tiles: of those that hold these leaves, and of the last ones.
 */
export function inclusionProofs(
	first: number,
	size: number,
	read: (tile: Tile) => Uint8Array,
): readonly string[] {
	const nodes = new Nodes(size, read);
	const proofs: string[] = [];
	const walk = (begin: number, end: number, above: string): void => {
		if (end - begin <= 1) {
			if (begin < end) proofs.push(above);
			return;
		}
		const middle = begin + split(end - begin);
		const beside = (range: Range) => {
			const own = `"${nodes.hash(range).toString("base64")}"`;
			return above === "" ? own : `${own},${above}`;
		};
		if (first < middle) walk(begin, middle, beside({ begin: middle, end }));
		walk(middle, end, beside({ begin, end: middle }));
	};
	walk(0, size, "");
	return proofs;
}

/** Hashes over parts of a tree, each made once. */
class Nodes {
	readonly #size: number;
	readonly #read: (tile: Tile) => Uint8Array;
	/** By level: the tile that was read last, and hashes of subtrees by index. */
	readonly #tiles: { readonly index: number; readonly bytes: Uint8Array }[] = [];
	readonly #known: Map<number, Uint8Array>[] = [];

	constructor(size: number, read: (tile: Tile) => Uint8Array) {
		this.#size = size;
		this.#read = read;
	}

	hash(range: Range): Buffer {
		return foldHashes(subtreesOf(range).map((subtree) => this.#node(subtree)));
	}

	#node(subtree: Subtree): Uint8Array {
		const { level, index } = subtree;
		this.#known[level] ??= new Map();
		const known = this.#known[level].get(index);
		if (known !== undefined) return known;
		const hash =
			level % tileHeight === 0
				? this.#stored(subtree)
				: nodeHash(
						this.#node({ level: level - 1, index: index * 2 }),
						this.#node({ level: level - 1, index: index * 2 + 1 }),
					);
		this.#known[level].set(index, hash);
		return hash;
	}

	#stored(subtree: Subtree): Uint8Array {
		const level = subtree.level / tileHeight;
		const index = Math.floor(subtree.index / tileWidth);
		if (this.#tiles[level]?.index !== index) {
			this.#tiles[level] = { index, bytes: this.#read(tileOf(subtree, this.#size)) };
		}
		const at = (subtree.index % tileWidth) * hashLength;
		return this.#tiles[level].bytes.subarray(at, at + hashLength);
	}
}
