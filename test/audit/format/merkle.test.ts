import test from "ava";
import fc from "fast-check";
import { emptyRoot, leafHash, nodeHash } from "../../../audit/format/hash.ts";
import {
	consistencyRanges,
	inclusionRanges,
	isConsistent,
	isIncluded,
} from "../../../audit/format/merkle.ts";
import { inclusionProofs } from "../../../audit/format/proofs.ts";
import { hashesAt, rangeHashes, tileOf, tilePath, tilesBetween } from "../../../audit/format/tiles.ts";
import { emptyTree, grow, readTree, rootHash } from "../../../audit/format/tree.ts";

/** RFC 9162, section 2.1.1, word for word. */
function naiveRoot(leaves: readonly Buffer[]): Buffer {
	const [first] = leaves;
	if (first === undefined) return emptyRoot;
	if (leaves.length === 1) return first;
	let k = 1;
	while (k * 2 < leaves.length) k *= 2;
	return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

const leavesOf = (count: number) =>
	Array.from({ length: count }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));

/** A tree that grew in steps, and every tile that was ever written. */
function grown(leaves: readonly Buffer[], steps: readonly number[]) {
	const written = new Map<string, Buffer>();
	let tree = emptyTree;
	let at = 0;
	for (const step of [...steps, leaves.length]) {
		const next = Math.min(leaves.length, at + step);
		const { tree: larger, tiles } = grow(tree, Buffer.concat(leaves.slice(at, next)));
		const expected = tilesBetween(at, next).map(tilePath);
		if (expected.join() !== tiles.map(({ tile }) => tilePath(tile)).join()) throw new Error("other tiles");
		for (const { tile, bytes } of tiles) written.set(tilePath(tile), Buffer.from(bytes));
		[tree, at] = [larger, next];
	}
	return { tree, written };
}

test("the root of any tree, grown in any steps, is that of RFC 9162, and so is one read from its tiles", (t) => {
	fc.assert(
		fc.property(
			fc.integer({ min: 0, max: 1_500 }),
			fc.array(fc.integer({ min: 1, max: 600 })),
			(size, steps) => {
				const leaves = leavesOf(size);
				const { tree, written } = grown(leaves, steps);
				const expected = naiveRoot(leaves);
				const read = readTree(size, (tile) => written.get(tilePath(tile)) ?? Buffer.alloc(0));
				return rootHash(tree).equals(expected) && rootHash(read).equals(expected);
			},
		),
		{ numRuns: 60 },
	);
	t.pass();
});

test("a proof of inclusion from tiles is good, and for nothing else", (t) => {
	fc.assert(
		fc.property(
			fc
				.integer({ min: 1, max: 70_000 })
				.chain((size) =>
					fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 }), fc.nat(40), fc.nat(31)),
				),
			([size, index, step, byte]) => {
				const leaves = leavesOf(size);
				const { tree, written } = grown(leaves, [size]);
				const root = rootHash(tree);
				const read = (tile: Parameters<typeof tilePath>[0]) => written.get(tilePath(tile)) ?? Buffer.alloc(0);
				const proof = rangeHashes(inclusionRanges(index, size), size, read);
				const leaf = leaves[index] as Buffer;
				const good = { index, size, leafHash: leaf, proof, root };
				const flipped = proof.map((hash) => Buffer.from(hash));
				const hit = flipped[step % Math.max(1, proof.length)];
				if (hit !== undefined) hit[byte] = (hit[byte] ?? 0) ^ 1;
				return (
					isIncluded(good) &&
					(proof.length === 0 || !isIncluded({ ...good, proof: flipped })) &&
					!isIncluded({ ...good, proof: [...proof, root] }) &&
					(proof.length === 0 || !isIncluded({ ...good, proof: proof.slice(1) })) &&
					(size === 1 || !isIncluded({ ...good, index: (index + 1) % size })) &&
					!isIncluded({ ...good, index: size }) &&
					!isIncluded({ ...good, leafHash: root.subarray().map((b) => b ^ 1) })
				);
			},
		),
		{ numRuns: 25 },
	);
	t.pass();
});

test("the proofs of a round, made in one walk, are those of its leaves one by one", (t) => {
	fc.assert(
		fc.property(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 1, max: 300 }), (first, count) => {
			const size = first + count;
			const { tree, written } = grown(leavesOf(size), [first]);
			// Of older tiles a sequencer has the last one of each level alone.
			const brought = new Map(tilesBetween(first, size).map((tile) => [tilePath(tile), tile]));
			const proofs = inclusionProofs(first, size, (tile) => {
				const isNew = brought.has(tilePath(tile));
				return (isNew ? written.get(tilePath(tile)) : tree.edge[tile.level]) ?? Buffer.alloc(0);
			});
			const all = (tile: Parameters<typeof tilePath>[0]) => written.get(tilePath(tile)) ?? Buffer.alloc(0);
			return (
				proofs.length === count &&
				proofs.every((proof, at) => {
					const wanted = rangeHashes(inclusionRanges(first + at, size), size, all);
					return `[${proof}]` === JSON.stringify(wanted.map((hash) => hash.toString("base64")));
				})
			);
		}),
		{ numRuns: 40 },
	);
	t.pass();
});

test("a proof of consistency from tiles is good for a tree that grew, and for no other", (t) => {
	fc.assert(
		fc.property(
			fc
				.integer({ min: 1, max: 3_000 })
				.chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 1, max: size }))),
			([size, before]) => {
				const leaves = leavesOf(size);
				const { tree, written } = grown(leaves, [size]);
				const root = rootHash(tree);
				const read = (tile: Parameters<typeof tilePath>[0]) => written.get(tilePath(tile)) ?? Buffer.alloc(0);
				const proof = rangeHashes(consistencyRanges(before, size), size, read);
				const old = naiveRoot(leaves.slice(0, before));
				const other = Buffer.from(old.map((byte) => byte ^ 1));
				return (
					isConsistent({ size: before, root: old }, { size, root }, proof) &&
					!isConsistent({ size: before, root: other }, { size, root }, proof) &&
					!isConsistent({ size: before, root: old }, { size, root: other }, proof) &&
					!isConsistent({ size, root }, { size: before - 1, root: old }, proof)
				);
			},
		),
		{ numRuns: 60 },
	);
	t.pass();
});

test("tiles lie where C2SP tlog-tiles says", (t) => {
	t.is(tilePath({ level: 0, index: 0, width: 256 }), "tile/0/000");
	t.is(tilePath({ level: 1, index: 999, width: 3 }), "tile/1/999.p/3");
	t.is(tilePath({ level: 0, index: 1_234_067, width: 256 }), "tile/0/x001/x234/067");
	// The example of the specification: a tree of 70,000 leaves
	t.deepEqual(
		tilesBetween(0, 70_000)
			.filter(({ width }) => width < 256)
			.map(tilePath),
		["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"],
	);
	t.is(hashesAt(1, 70_000), 273);
	t.deepEqual(tileOf({ level: 9, index: 3 }, 70_000), { level: 1, index: 0, width: 256 });
});
