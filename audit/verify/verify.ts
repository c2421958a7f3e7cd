import { messageOf } from "../error.ts";
import { hashesIn, hashLength } from "../format/hash.ts";
import { linesOf, splitLine } from "../format/line.ts";
import type { TreeHead } from "../format/merkle.ts";
import { leavesPath, tileWidth } from "../format/tiles.ts";
import { emptyTree, grow, rootHash, type Tree } from "../format/tree.ts";
import { batchPath, checkpointPath, folders, manifestPath } from "../layout.ts";
import { readTail } from "../log/tail.ts";
import type { Reading } from "../store/store.ts";
import { difference } from "./compare.ts";
import { EntryChecker } from "./entries.ts";
import { digestOf, type Examined } from "./examine.ts";
import type { Finding, FindingCode } from "./finding.ts";
import { numbersIn } from "./keys-in.ts";
import { checkManifest, headIn, leafHashesOf, writtenIn } from "./objects.ts";
import type { Level, Report, VerifyOptions } from "./report.ts";
import { type Round, type RoundsOptions, roundAfter, roundsOf } from "./rounds.ts";
import { keysOf, sizesOf } from "./sizes.ts";
import { type Cosigned, type Opened, openCheckpoint, type Trust } from "./trust.ts";

type Place = { readonly object: string; readonly index?: number };

/**
 * Verifies a whole trail: every object is read, every hash made again from the entries, every signature checked. It stops at
 * nothing that is wrong, and tells all of it.
 *
 * Each round is examined by itself, several at a time (rounds.ts, examine.ts). Then they are gone through in order: does each follow from
 * the one before it, is it what its checkpoint covers, do its entries continue what their writers wrote before?
 */
export async function verify(reading: Reading, trust: Trust, options: VerifyOptions = {}): Promise<Report> {
	return new Verification(reading, trust, options).run();
}

class Verification {
	readonly #reading: Reading;
	readonly #trust: Trust;
	readonly #options: VerifyOptions;
	readonly #rounds: RoundsOptions;
	readonly #level: Level;
	readonly #findings: Finding[] = [];
	/** Keys that are there and that no round has written so far. */
	#unclaimed = new Set<string>();
	/** Roots at the sizes that somebody remembers. */
	readonly #heads = new Map<number, Buffer | undefined>();
	readonly #entries: EntryChecker;
	#tree: Tree = emptyTree;
	#witnesses: readonly Cosigned[] = [];

	constructor(reading: Reading, trust: Trust, options: VerifyOptions) {
		this.#reading = reading;
		this.#trust = trust;
		this.#options = options;
		this.#level = options.level ?? "signatures";
		this.#rounds = { reading, trust, level: this.#level, threads: options.threads };
		this.#entries = new EntryChecker(trust.origin, trust.keys);
	}

	async run(): Promise<Report> {
		const { onProgress, remembered = [], settleMilliseconds = 0 } = this.#options;
		const keys = await keysOf(this.#reading);
		this.#unclaimed = new Set(keys);
		const known = await sizesOf(this.#reading, this.#trust, keys, settleMilliseconds);
		const firsts = numbersIn(keys, folders.batch);
		const last = known.at(-1) ?? 0;
		const kept = remembered.map((note) => openCheckpoint(note, this.#trust));
		for (const one of kept) if (one.kind === "Good") this.#heads.set(one.checkpoint.size, undefined);
		for await (const round of roundsOf(this.#rounds, known)) {
			await this.#round(round);
			onProgress?.(round.size, last);
		}
		for (const first of firsts.filter((one) => one >= last)) {
			// A round that nobody has ended yet, or whose end somebody took away.
			this.#tell(
				"Truncated",
				{ object: batchPath(first), index: first },
				"no checkpoint covers it: was the end of the log cut off?",
			);
			this.#unclaimed.delete(batchPath(first));
		}
		for (const key of this.#unclaimed) {
			this.#tell("ObjectUnexpected", { object: key }, "no round of this log has written it");
		}
		for (const one of kept) this.#compare(one, last);
		if (this.#witnesses.length < (this.#trust.requireWitnesses ?? 0)) {
			const wanted = this.#trust.requireWitnesses;
			this.#tell(
				"WitnessMissing",
				{ object: checkpointPath(last) },
				`${this.#witnesses.length} of ${wanted} witnesses have signed it`,
			);
		}
		this.#entries.end(this.#options.at, (_, message) =>
			this.#tell("HeartbeatMissing", { object: "the end of the log" }, message),
		);
		return {
			level: this.#level,
			findings: this.#findings,
			size: this.#tree.size,
			root: rootHash(this.#tree),
			checkpoints: numbersIn(keys, folders.checkpoint).length,
			witnesses: this.#witnesses,
		};
	}

	/** The entries up to this size, of which a checkpoint or a manifest tells. */
	async #round({ size, note, manifest, opened, examined: assumed }: Round): Promise<void> {
		const first = this.#tree.size;
		const [batch, checkpoint] = [batchPath(first), checkpointPath(size)];
		for (const key of writtenIn(first, size)) this.#unclaimed.delete(key);
		const isAfterThis = assumed.before !== undefined && isSameTree(assumed.before, this.#tree);
		// Where what is there before the round is not right: once more, after what is.
		const { examined } = isAfterThis
			? { examined: assumed }
			: await roundAfter(this.#rounds, this.#tree, size);
		if (examined.batch === undefined) this.#missing(batch);
		if (examined.broken !== undefined) {
			const index = first + countOf(examined);
			this.#tell("EntryChanged", { object: batch, index }, examined.broken);
		}
		if (note === undefined) this.#missing(checkpoint);
		if (opened?.kind === "Bad") this.#tell(opened.code, { object: checkpoint }, opened.message);
		if (opened?.kind === "Good") this.#witnesses = opened.witnesses;
		const isGood = opened?.kind === "Good";
		const head = isGood ? opened.checkpoint : headIn(manifest, size, this.#trust);
		const signed = isGood ? checkpoint : manifestPath(size);
		const isRight = await this.#whichIsRight(examined, { first, size, head, batch, signed });
		if (this.#heads.has(size)) this.#heads.set(size, rootHash(this.#tree));
		if (this.#level === "signatures") this.#check(examined, batch, isRight, head !== undefined);
		if (!isRight) {
			this.#entries.lost(size);
			return;
		}
		this.#findings.push(...examined.findings);
		if (manifest === undefined) this.#missing(manifestPath(size));
		else await this.#manifest(manifest, { first, size, note, examined });
	}

	/** Entries in their order. Shown is what the log has signed, and nothing that is in doubt. */
	#check(examined: Examined, object: string, isRight: boolean, isSigned: boolean): void {
		const { batch = Buffer.alloc(0), problems, first } = examined;
		const count = countOf(examined);
		const byEntry = Map.groupBy(problems, ({ at }) => at);
		// Behind what cannot be read nothing was.
		const lines = count === 0 ? [] : linesOf(batch.subarray(0, batch.lastIndexOf(0x0a) + 1));
		for (const [at, line] of lines.slice(0, count).entries()) {
			const index = first + at;
			const tell = (code: FindingCode, message: string) => this.#tell(code, { object, index }, message);
			const own = byEntry.get(at) ?? [];
			if (!isRight) {
				this.#entries.checkAlone(splitLine(line), index, own, tell);
				continue;
			}
			const entry = this.#entries.check(splitLine(line), index, own, tell);
			if (entry !== undefined && isSigned) this.#options.onEntry?.(entry, index);
		}
	}

	/** True where the entries are those that the checkpoint covers; says what is wrong with which otherwise. */
	async #whichIsRight(
		{ tree: found, root, hashes }: Examined,
		round: {
			readonly first: number;
			readonly size: number;
			readonly head: TreeHead | undefined;
			readonly batch: string;
			/** Where the log has signed what is in the head. */
			readonly signed: string;
		},
	): Promise<boolean> {
		const { first, size, head, batch, signed } = round;
		if (found.size === size && (head === undefined || root.equals(head.root))) {
			this.#tree = found;
			return true;
		}
		// The tiles tell what was there, if they are those that the checkpoint is over.
		const wanted = await leafHashesOf(this.#reading, first, size);
		const tree = wanted === undefined ? undefined : grow(this.#tree, Buffer.concat(wanted)).tree;
		if (
			wanted !== undefined &&
			tree !== undefined &&
			(head === undefined || rootHash(tree).equals(head.root))
		) {
			const what = difference(wanted, hashesIn(hashes));
			const index = first + (what?.at ?? 0);
			this.#tell(
				what?.code ?? "EntryChanged",
				{ object: batch, index },
				"the batch is not what the tree holds",
			);
			this.#tree = tree;
		} else {
			const [code, object, message] =
				head === undefined
					? ([
							"EntryChanged",
							batch,
							`it is not what the log had up to entry ${size}: nothing that it has signed is there`,
						] as const)
					: ([
							"SplitView",
							signed,
							"the log has signed it, and it is over other entries than are there",
						] as const);
			this.#tell(code, { object, ...(head === undefined && { index: first }) }, message);
			this.#tree = wanted === undefined ? found : (tree ?? found);
		}
		await this.#checkTail(size);
		return false;
	}

	/** Whoever appends to the log needs the leaves below its last tile, if that is not full: can they be read? */
	async #checkTail(size: number): Promise<void> {
		try {
			await readTail(this.#reading, size);
		} catch (error) {
			const at = { index: Math.floor(size / tileWidth), width: size % tileWidth };
			this.#tell("LeavesChanged", { object: leavesPath(at) }, messageOf(error));
		}
	}

	async #manifest(
		bytes: Buffer,
		round: {
			readonly first: number;
			readonly size: number;
			readonly note: Buffer | undefined;
			readonly examined: Examined;
		},
	): Promise<void> {
		const { first, size, note, examined } = round;
		const { writers, ring: keys } = this.#entries;
		const digests = new Map(examined.digests);
		if (note !== undefined) digests.set(checkpointPath(size), digestOf(note));
		await checkManifest(
			bytes,
			{
				...{ first, size, root: examined.root.toString("base64") },
				...(this.#level === "signatures" && !this.#entries.hasLost && { writers, keys }),
			},
			this.#trust,
			async (key) => {
				const known = digests.get(key);
				if (known !== undefined) return known;
				const found = await this.#reading.get(key);
				return found && digestOf(found);
			},
			this.#options.retentionSeconds,
			(code, key, message) => this.#tell(code, { object: key ?? manifestPath(size) }, message),
		);
	}

	/** A note that somebody kept: the log must be at least as long, and begin with what it covers. */
	#compare(opened: Opened, last: number): void {
		const object = "a checkpoint that was kept";
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

	#missing(object: string): void {
		this.#tell("ObjectMissing", { object }, "it is not there");
	}

	#tell(code: FindingCode, { object, index }: Place, message: string): void {
		this.#findings.push({ code, object, message, ...(index !== undefined && { index }) });
	}
}

function isSameTree(a: Tree, b: Tree): boolean {
	return (
		a.size === b.size &&
		a.edge.length === b.edge.length &&
		a.edge.every((bytes, level) => b.edge[level]?.equals(bytes) === true)
	);
}

/** Entries that could be read. */
function countOf({ hashes }: Examined): number {
	return hashes.length / hashLength;
}
