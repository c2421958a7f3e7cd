import { AuditError, messageOf } from "../error.ts";
import { hashLength, leafHash, sha256Text } from "../format/hash.ts";
import { type LeafParts, leafText } from "../format/leaf.ts";
import { decodeLeaves, type LeafBytes, leafBytes } from "../format/leaves.ts";
import { linesOf, splitLine } from "../format/line.ts";
import { leavesPath, type Tile, tilePath, tileWidth } from "../format/tiles.ts";
import { edgeTiles, emptyTree, grow, readTree, rootHash, type Tree } from "../format/tree.ts";
import { batchPath, bundlePath } from "../layout.ts";
import { bundlesOf } from "../log/round.ts";
import type { Reading } from "../store/store.ts";
import type { Finding } from "./finding.ts";
import { type EntryProblem, EntryReader } from "./read.ts";
import type { Level } from "./report.ts";

/** What is to be found out of one round. */
export type Job = {
	/** Index of its first entry. */
	readonly first: number;
	/** Entries in the log after it. */
	readonly size: number;
	readonly level: Level;
	/** The tree before it; left out: as the tiles that are there have it, which proves nothing by itself. */
	readonly before?: Tree;
	/** Its checkpoint, and the hash of the key that signed it, if that is good. */
	readonly proven?: { readonly checkpoint: string; readonly logId: Uint8Array };
};

/** What a round is by itself. Its hashes are right only if the tree before it is the one that {@link Examined.before} tells. */
export type Examined = {
	readonly first: number;
	/** Undefined where the tiles that are there do not tell: then nothing was compared. */
	readonly before: Tree | undefined;
	/** Its entries, a line each; undefined where they are not there. */
	readonly batch: Buffer | undefined;
	/** Why the batch could be read up to here only. */
	readonly broken: string | undefined;
	/** Of its leaves, one after the other. */
	readonly hashes: Buffer;
	/** The tree with its entries, and the hash over that. */
	readonly tree: Tree;
	readonly root: Buffer;
	/** What is wrong with entries, wherever they are. */
	readonly problems: readonly EntryProblem[];
	/** What is wrong with leaves, tiles and bundles. */
	readonly findings: readonly Finding[];
	/** Of each object that was read. */
	readonly digests: ReadonlyMap<string, Held>;
};

/**
 * What is there under a key. `InTree`: the checkpoint over the tree proves each byte of it, or a finding tells that it does not; who
 * verifies hashes alone need not make another one, for the manifest.
 */
export type Held = Digest | "InTree";

/** What a manifest says of an object. */
export type Digest = { readonly sha256: string; readonly bytes: number };

/** Hex SHA-256 and length. */
export function digestOf(bytes: Uint8Array): Digest {
	return { sha256: sha256Text(bytes, "hex"), bytes: bytes.length };
}

/** The objects that are read for a job, beside tiles before it. */
export function objectsOf(tiles: readonly Tile[], first: number): readonly string[] {
	const leaves = tiles.filter(({ level }) => level === 0).map(leavesPath);
	return [batchPath(first), ...leaves, ...tiles.map(tilePath), bundlePath(first)];
}

/**
 * Reads a round and makes all its hashes again. It needs nothing but its own objects and the last tiles before it, so that
 * rounds can be examined at the same time; whoever goes through them in order sees whether those tiles were right.
 */
export async function examine(reading: Reading, job: Job): Promise<Examined> {
	const { first, size, level } = job;
	const digests = new Map<string, Held>();
	const findings: Finding[] = [];
	const get = async (key: string) => {
		const bytes = await reading.get(key);
		const isInTree = level === "hashes" && key !== bundlePath(first);
		if (bytes !== undefined) digests.set(key, isInTree ? "InTree" : digestOf(bytes));
		return bytes;
	};
	const need = async (key: string) => {
		const bytes = await get(key);
		if (bytes === undefined)
			findings.push({ code: "ObjectMissing", object: key, message: "it is not there" });
		return bytes;
	};
	const before = job.before ?? (await treeBefore(reading, first));
	const batch = await get(batchPath(first));
	const { leaves, problems, broken } = readBatch(batch ?? Buffer.alloc(0), level);
	const made = leafBytes(leaves.length, (at) => leafText(leaves[at] as LeafParts));
	const { tree, tiles } = grow(before ?? { ...emptyTree, size: first }, made.hashes);
	const root = rootHash(tree);
	const common = {
		first,
		before,
		batch,
		broken,
		hashes: made.hashes,
		tree,
		root,
		problems,
		findings,
		digests,
	};
	if (before === undefined || tree.size !== size) return common;
	for (const { tile, bytes } of tiles) {
		if (tile.level === 0) {
			const key = leavesPath(tile);
			const found = await need(key);
			if (found !== undefined && !areLeaves(found, tile, bytes, { first, made })) {
				findings.push({ code: "LeavesChanged", object: key, message: notFollowing });
			}
		}
		const key = tilePath(tile);
		const found = await need(key);
		if (found !== undefined && !found.equals(bytes)) {
			findings.push({ code: "TileChanged", object: key, message: notFollowing });
		}
	}
	const bundles = await need(bundlePath(first));
	if (bundles !== undefined && job.proven !== undefined && level === "signatures") {
		const bodyOf = (at: number) =>
			made.bytes.toString("base64", (made.begins[at] ?? 0) + 2, made.begins[at + 1]);
		const wanted = bundlesOf({ leaves, bodyOf, first, tree, tiles, ...job.proven });
		findings.push(...compareBundles(bundles, wanted, first));
	}
	return common;
}

/** Of signature and key in a line: with it a leaf still fits into its object. */
const mostProofBytes = 60_000;
const notFollowing = "its bytes are not those that follow from the entries";

/** What the tiles that are there say; undefined where one is missing or has another length. */
async function treeBefore(reading: Reading, first: number): Promise<Tree | undefined> {
	const known = new Map<string, Buffer>();
	for (const tile of edgeTiles(first)) {
		const bytes = await reading.get(tilePath(tile));
		if (bytes === undefined) return undefined;
		known.set(tilePath(tile), bytes);
	}
	try {
		return readTree(first, (tile) => known.get(tilePath(tile)) ?? Buffer.alloc(0));
	} catch {
		// Of another length. Whoever goes through the log in order says what is wrong with it.
		return undefined;
	}
}

function readBatch(batch: Buffer, level: Level) {
	const reader = new EntryReader();
	const leaves: LeafParts[] = [];
	const problems: EntryProblem[] = [];
	try {
		for (const line of linesOf(batch)) {
			const parts = splitLine(line);
			if (level === "signatures") {
				problems.push(...reader.problemsOf(parts, leaves.length));
			}
			const { entry, signature, key } = parts;
			if (line.length - entry.length > mostProofBytes)
				throw new AuditError("FORMAT", "no signature and key is so long");
			leaves.push({ digest: sha256Text(entry, "base64"), signature, key });
		}
		return { leaves, problems, broken: undefined };
	} catch (error) {
		return { leaves, problems, broken: messageOf(error) };
	}
}

/** Are these the leaves below a tile of these hashes? Those of the round are known, of those before it the hashes are. */
function areLeaves(
	object: Buffer,
	{ index, width }: Tile,
	hashes: Buffer,
	{ first, made }: { readonly first: number; readonly made: LeafBytes },
): boolean {
	const begin = index * tileWidth;
	const own = made.bytes.subarray(
		made.begins[Math.max(0, begin - first)],
		made.begins[begin + width - first],
	);
	const before = object.subarray(0, Math.max(0, object.length - own.length));
	if (!object.subarray(before.length).equals(own)) return false;
	try {
		const leaves = decodeLeaves(before);
		const isAll = leaves.length === Math.max(0, first - begin);
		return (
			isAll &&
			leaves.every((leaf, at) =>
				leafHash(leaf).equals(hashes.subarray(at * hashLength, (at + 1) * hashLength)),
			)
		);
	} catch {
		// No leaves at all.
		return false;
	}
}

/** Compares the bundles of a round with what they must be. */
function compareBundles(found: Buffer, wanted: Buffer, first: number): readonly Finding[] {
	if (found.equals(wanted)) return [];
	const object = bundlePath(first);
	const changed = (message: string): readonly Finding[] => [{ code: "BundleChanged", object, message }];
	const lines = linesOf(wanted);
	let others: readonly Buffer[];
	try {
		others = linesOf(found);
	} catch (error) {
		return changed(messageOf(error));
	}
	if (others.length !== lines.length) {
		return changed(`it holds ${others.length} bundles for ${lines.length} entries`);
	}
	const at = lines.findIndex((line, index) => others[index]?.equals(line) !== true);
	const isSwapped = lines.some((line) => others[at]?.equals(line) === true);
	const [code, message] = isSwapped
		? (["BundlesSwapped", "it is the bundle of another entry"] as const)
		: (["BundleChanged", "it is not the bundle that follows from the entry"] as const);
	return [{ code, object, index: first + at, message }];
}
