import { messageOf } from "../error.ts";
import { leafHash } from "../format/hash.ts";
import { encodeLeaf, type Signed } from "../format/leaf.ts";
import { decodeLine, linesOf } from "../format/line.ts";
import type { TreeHead } from "../format/merkle.ts";
import { leavesPath, tilePath, tilesBetween, tileWidth } from "../format/tiles.ts";
import { emptyTree, grow, rootHash, type Tree } from "../format/tree.ts";
import { batchPath, bundlePath, checkpointPath, folders, manifestPath, numberOf } from "../layout.ts";
import type { Manifest } from "../log/manifest.ts";
import { roundObjects } from "../log/round.ts";
import { readTail } from "../log/tail.ts";
import type { Reading } from "../store/store.ts";
import { difference } from "./compare.ts";
import { EntryChecker } from "./entries.ts";
import type { Finding, FindingCode } from "./finding.ts";
import { checkBundles, checkManifest, leafHashesOf } from "./objects.ts";
import type { Report, VerifyOptions } from "./report.ts";
import { type Cosigned, openCheckpoint, type Trust } from "./trust.ts";

type Place = { readonly object: string; readonly index?: number };

/**
 * Verifies a whole trail: every object is read, every hash made again from the entries, every signature checked. It stops at
 * nothing that is wrong, and tells all of it.
 */
export async function verify(reading: Reading, trust: Trust, options: VerifyOptions = {}): Promise<Report> {
	return new Verification(reading, trust, options).run();
}

class Verification {
	readonly #reading: Reading;
	readonly #trust: Trust;
	readonly #options: VerifyOptions;
	readonly #findings: Finding[] = [];
	readonly #heads = new Map<number, Buffer>();
	readonly #seen = new Set<string>();
	readonly #entries: EntryChecker;
	#tree: Tree = emptyTree;
	#tail: readonly Buffer[] = [];
	#witnesses: readonly Cosigned[] = [];

	constructor(reading: Reading, trust: Trust, options: VerifyOptions) {
		this.#reading = reading;
		this.#trust = trust;
		this.#options = options;
		this.#entries = new EntryChecker(trust.origin, trust.keys, {
			withSignatures: options.withSignatures ?? true,
		});
	}

	async run(): Promise<Report> {
		const { onProgress, remembered = [], at } = this.#options;
		const keys = await this.#list();
		const sizes = numbersIn(keys, folders.checkpoint);
		const known = [...new Set([...sizes, ...numbersIn(keys, folders.manifest)])].sort((a, b) => a - b);
		const firsts = numbersIn(keys, folders.batch);
		const last = known.at(-1) ?? 0;
		for (const size of known) {
			await this.#round(size);
			onProgress?.(size, last);
		}
		for (const first of firsts.filter((one) => one >= last)) {
			// A round that nobody has ended yet, or whose end somebody took away.
			this.#tell(
				"Truncated",
				{ object: batchPath(first), index: first },
				"no checkpoint covers it: was the end of the log cut off?",
			);
			this.#seen.add(batchPath(first));
		}
		for (const key of keys) {
			if (!this.#seen.has(key))
				this.#tell("ObjectUnexpected", { object: key }, "no round of this log has written it");
		}
		for (const note of remembered) this.#compare(note, last);
		if (this.#witnesses.length < (this.#trust.requireWitnesses ?? 0)) {
			const wanted = this.#trust.requireWitnesses;
			this.#tell(
				"WitnessMissing",
				{ object: checkpointPath(last) },
				`${this.#witnesses.length} of ${wanted} witnesses have signed it`,
			);
		}
		if (at !== undefined) {
			this.#entries.end(at, (_, message) =>
				this.#tell("HeartbeatMissing", { object: "the end of the log" }, message),
			);
		}
		return {
			findings: this.#findings,
			size: this.#tree.size,
			root: rootHash(this.#tree),
			checkpoints: sizes.length,
			witnesses: this.#witnesses,
		};
	}

	async #list(): Promise<readonly string[]> {
		const lists = await Promise.all(Object.values(folders).map((prefix) => this.#reading.list(prefix)));
		return lists.flat();
	}

	/** The entries up to this size, of which a checkpoint or a manifest tells. */
	async #round(size: number): Promise<void> {
		const first = this.#tree.size;
		const [batch, checkpoint] = [batchPath(first), checkpointPath(size)];
		this.#mark(first, size);
		const signed = await this.#batch(batch, first);
		const note = await this.#need(checkpoint);
		const head = note === undefined ? undefined : this.#checkpoint(note.toString(), checkpoint, size);
		const leaves = signed.map((one) => encodeLeaf(one));
		const before = this.#tree;
		const tail = this.#tail;
		const good = await this.#whichIsRight({ first, size, leaves, head, batch, checkpoint });
		signed.forEach((one, at) => {
			const index = first + at;
			const tell = (code: FindingCode, message: string) =>
				this.#tell(code, { object: batch, index }, message);
			const entry = this.#entries.check(one, index, tell);
			if (entry !== undefined) this.#options.onEntry?.(entry, index, one);
		});
		if (!good) return;
		const { tree, tiles, objects, tail: left } = roundObjects(before, tail, leaves);
		this.#tail = left;
		for (const [key, bytes] of objects) {
			const found = await this.#need(key);
			if (found === undefined || found.equals(bytes)) continue;
			const isTile = !key.includes("/entries/");
			this.#tell(
				isTile ? "TileChanged" : "LeavesChanged",
				{ object: key },
				"its bytes are not those that follow from the entries",
			);
		}
		const bundles = await this.#need(bundlePath(first));
		// What a checkpoint that is wrong proves is nothing.
		if (bundles !== undefined && note !== undefined && head !== undefined) {
			const parts = { signed, first, tree, tiles, checkpoint: note.toString() };
			checkBundles(bundles, { ...parts, trust: this.#trust }, (code, index, message) =>
				this.#tell(code, { object: bundlePath(first), ...(index !== undefined && { index }) }, message),
			);
		}
		await this.#manifest({ first, size, tree });
	}

	async #batch(key: string, first: number): Promise<readonly Signed[]> {
		const bytes = await this.#need(key);
		if (bytes === undefined) return [];
		const signed: Signed[] = [];
		try {
			for (const line of linesOf(bytes)) signed.push(decodeLine(line));
		} catch (error) {
			this.#tell("EntryChanged", { object: key, index: first + signed.length }, messageOf(error));
		}
		return signed;
	}

	#checkpoint(note: string, object: string, size: number): TreeHead | undefined {
		const opened = openCheckpoint(note, this.#trust);
		if (opened.kind === "Bad") {
			this.#tell(opened.code, { object }, opened.message);
			return undefined;
		}
		if (opened.checkpoint.size !== size) {
			this.#tell(
				"CheckpointReplayed",
				{ object },
				`it is the checkpoint of ${opened.checkpoint.size} entries`,
			);
			return undefined;
		}
		this.#witnesses = opened.witnesses;
		return opened.checkpoint;
	}

	/** True where the entries are those that the checkpoint covers; says what is wrong with which otherwise. */
	async #whichIsRight(round: {
		readonly first: number;
		readonly size: number;
		readonly leaves: readonly Buffer[];
		readonly head: TreeHead | undefined;
		readonly batch: string;
		readonly checkpoint: string;
	}): Promise<boolean> {
		const { first, size, leaves, head, batch, checkpoint } = round;
		const hashes = leaves.map((leaf) => leafHash(leaf));
		const found = grow(this.#tree, hashes).tree;
		const isCovered = found.size === size && (head === undefined || rootHash(found).equals(head.root));
		if (isCovered) {
			this.#tree = found;
			this.#heads.set(size, rootHash(found));
			return true;
		}
		// The tiles tell what was there, if they are those that the checkpoint is over.
		const wanted = await leafHashesOf(this.#reading, first, size);
		const tree = wanted === undefined ? undefined : grow(this.#tree, wanted).tree;
		if (
			wanted !== undefined &&
			tree !== undefined &&
			(head === undefined || rootHash(tree).equals(head.root))
		) {
			const what = difference(wanted, hashes);
			const index = first + (what?.at ?? 0);
			this.#tell(
				what?.code ?? "EntryChanged",
				{ object: batch, index },
				"the batch is not what the tree holds",
			);
			this.#tree = tree;
		} else {
			this.#tell(
				"SplitView",
				{ object: checkpoint },
				"the log has signed it, and it is over other entries than are there",
			);
			this.#tree = wanted === undefined ? found : (tree ?? found);
		}
		this.#heads.set(size, rootHash(this.#tree));
		this.#tail = await this.#storedTail(size);
		return false;
	}

	/** What comes after a round that is wrong is compared with what is there. */
	async #storedTail(size: number): Promise<readonly Buffer[]> {
		try {
			return await readTail(this.#reading, size);
		} catch (error) {
			const at = { index: Math.floor(size / tileWidth), width: size % tileWidth };
			this.#tell("LeavesChanged", { object: leavesPath(at) }, messageOf(error));
			return Array.from({ length: at.width }, () => Buffer.alloc(0));
		}
	}

	/** All that a round has written. */
	#mark(first: number, size: number): void {
		for (const key of [batchPath(first), bundlePath(first), checkpointPath(size), manifestPath(size)]) {
			this.#seen.add(key);
		}
		for (const tile of tilesBetween(first, size)) {
			this.#seen.add(tilePath(tile));
			if (tile.level === 0) this.#seen.add(leavesPath(tile));
		}
	}

	async #manifest({
		first,
		size,
		tree,
	}: {
		readonly first: number;
		readonly size: number;
		readonly tree: Tree;
	}): Promise<void> {
		const object = manifestPath(size);
		const bytes = await this.#need(object);
		if (bytes === undefined) return;
		const expected: Pick<Manifest, "first" | "size" | "root" | "writers" | "keys"> = {
			...{ first, size, root: rootHash(tree).toString("base64") },
			...{ writers: this.#entries.writers, keys: this.#entries.ring },
		};
		await checkManifest(
			bytes,
			expected,
			this.#trust,
			this.#reading,
			this.#options.retentionSeconds,
			(code, key, message) => this.#tell(code, { object: key ?? object }, message),
		);
	}

	/** A note that somebody kept: the log must be at least as long, and begin with what it covers. */
	#compare(note: string, last: number): void {
		const object = "a checkpoint that was kept";
		const opened = openCheckpoint(note, this.#trust);
		if (opened.kind === "Bad") {
			this.#tell(opened.code, { object }, opened.message);
			return;
		}
		const { size, root } = opened.checkpoint;
		if (size > last) {
			this.#tell("Truncated", { object, index: last }, `the log had ${size} entries once, and has ${last}`);
			return;
		}
		const own = this.#heads.get(size);
		if (own === undefined || !own.equals(root)) {
			this.#tell(
				"SplitView",
				{ object },
				`the log has signed another tree of ${size} entries than the one that is there`,
			);
		}
	}

	async #need(key: string): Promise<Buffer | undefined> {
		const bytes = await this.#reading.get(key);
		if (bytes === undefined) this.#tell("ObjectMissing", { object: key }, "it is not there");
		return bytes;
	}

	#tell(code: FindingCode, { object, index }: Place, message: string): void {
		this.#findings.push({ code, object, message, ...(index !== undefined && { index }) });
	}
}

function numbersIn(keys: readonly string[], prefix: string): readonly number[] {
	return keys
		.filter((key) => key.startsWith(prefix))
		.flatMap((key) => numberOf(key) ?? [])
		.sort((a, b) => a - b);
}
