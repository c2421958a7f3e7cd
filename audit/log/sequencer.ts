import type { KeyObject } from "node:crypto";
import { AuditError, isAuditError } from "../error.ts";
import { type Checkpoint, encodeCheckpoint, parseCheckpoint } from "../format/checkpoint.ts";
import { logKeyHash, logVerifier, signedFirstBy } from "../format/keys.ts";
import { leafParts, type Signed } from "../format/leaf.ts";
import { decodeLine, encodeLine, linesOf } from "../format/line.ts";
import { consistencyRanges } from "../format/merkle.ts";
import { encodeNote, type Note, type NoteSignature, openNote, parseNote } from "../format/note.ts";
import { rangeHashes, tilePath, tilesFor } from "../format/tiles.ts";
import { edgeTiles, readTree, rootHash } from "../format/tree.ts";
import { batchPath, bundlePath, checkpointPath, folders, manifestPath, numberOf } from "../layout.ts";
import type { Signer } from "../signer.ts";
import { lastNumbered, type Store, type Written } from "../store/store.ts";
import type { KeyRing } from "./key-ring.ts";
import { encodeManifest, parseManifest } from "./manifest.ts";
import { type Appended, mostInRound } from "./outcome.ts";
import { bundlesOf, roundObjects } from "./round.ts";
import { emptyLog, judge, type LogState } from "./state.ts";
import { readTail } from "./tail.ts";

/** Asks somebody else to sign a checkpoint: see witness.ts. */
export type Cosign = (
	checkpoint: Checkpoint,
	note: string,
	proof: (before: number) => Promise<readonly Buffer[]>,
) => Promise<readonly NoteSignature[]>;

/** What a {@link Sequencer} works with. */
export type SequencerOptions = {
	readonly store: Store;
	/** The name of the log. */
	readonly origin: string;
	/** Of checkpoints and manifests: the key that bundles name. */
	readonly signer: Signer;
	/** Keys that sign them as well: the one before while verifiers learn of this one, or the next one before it takes over. */
	readonly otherSigners?: readonly Signer[];
	/** Keys of entries that are good from the first one on. */
	readonly keys: KeyRing;
	readonly cosign?: Cosign;
	/** Told when a witness did not sign: the log goes on. */
	readonly onCosignFailed?: (error: unknown) => void;
};

type Accepted = { readonly signed: Signed; readonly leaf: Buffer };
type Round = { readonly accepted: readonly Accepted[]; readonly state: LogState };

/**
 * Puts entries into order. One round: the batch (whoever writes it has the place), leaves and tiles, the checkpoint, bundles,
 * and the manifest, which ends it. All bytes but cosignatures follow from the batch, so that whoever comes next can end a
 * round that somebody began. Any error leaves this sequencer useless: open another one, which finds out what is there.
 */
export class Sequencer {
	readonly #options: SequencerOptions;
	#state: LogState;
	/** Leaves below the last tile, if that is not full. */
	#tail: readonly Buffer[];

	private constructor(options: SequencerOptions, state: LogState, tail: readonly Buffer[]) {
		this.#options = options;
		this.#state = state;
		this.#tail = tail;
	}

	/** Finds out where the log is, and ends a round that somebody began. Throws `STORE`, `FORK`, `FORMAT`. */
	static async open(options: SequencerOptions): Promise<Sequencer> {
		const { store } = options;
		const size = (await lastNumbered(store, folders.manifest, numberOf)) ?? 0;
		const sequencer = new Sequencer(options, await stateAt(options, size), await readTail(store, size));
		for (;;) {
			const first = sequencer.size;
			const batch = await store.get(batchPath(first));
			if (batch === undefined) return sequencer;
			const { accepted, state, outcomes } = sequencer.#accept(linesOf(batch).map((line) => decodeLine(line)));
			const wrong = outcomes.find(({ kind }) => kind !== "Appended");
			if (wrong !== undefined || accepted.length === 0) {
				const why = wrong?.kind === "Refused" ? wrong.why : "it has nothing new";
				throw new AuditError(
					"FORK",
					`${batchPath(first)} is none that a sequencer of this log writes: ${why}`,
				);
			}
			await sequencer.#write({ accepted, state }, batch);
		}
	}

	/** Entries in the log. */
	get size(): number {
		return this.#state.tree.size;
	}

	/**
	 * Appends at most {@link mostInRound} entries. When it returns they are in the store, under a checkpoint. Throws `FENCED` when
	 * another sequencer is at work, and what the store throws: then nobody knows whether they are in.
	 */
	async append(signed: readonly Signed[]): Promise<readonly Appended[]> {
		if (signed.length > mostInRound) throw new RangeError(`a round of ${signed.length} entries`);
		const { accepted, state, outcomes } = this.#accept(signed);
		if (accepted.length > 0) {
			await this.#write({ accepted, state }, Buffer.concat(accepted.map((one) => encodeLine(one.signed))));
		}
		return outcomes;
	}

	#accept(signed: readonly Signed[]): Round & { readonly outcomes: readonly Appended[] } {
		const accepted: Accepted[] = [];
		let state = this.#state;
		const outcomes: Appended[] = [];
		for (const one of signed) {
			const verdict = judge(state, this.#options.origin, one);
			switch (verdict.kind) {
				case "Next":
					outcomes.push({ kind: "Appended", index: state.tree.size });
					state = verdict.state;
					accepted.push({ signed: one, leaf: verdict.leaf });
					break;
				case "Known":
				case "Refused":
					outcomes.push(verdict);
			}
		}
		return { accepted, state, outcomes };
	}

	async #write({ accepted, state }: Round, batch: Buffer): Promise<void> {
		const { store, origin } = this.#options;
		const first = this.size;
		const { size } = state.tree;
		const written: Written[] = [await store.put(batchPath(first), batch)];
		const leaves = accepted.map(({ leaf }) => leaf);
		const { tiles, tail, objects } = roundObjects(this.#state.tree, this.#tail, leaves);
		written.push(...(await Promise.all(objects.map(([key, bytes]) => store.put(key, bytes)))));
		const root = rootHash(state.tree);
		const checkpoint = await this.#checkpoint({ origin, size, root });
		written.push(checkpoint.written);
		const bundles = bundlesOf({
			leaves: accepted.map((one) => leafParts(one.signed)),
			bodyOf: (at) => leaves[at]?.toString("base64") ?? "",
			...{ first, tree: state.tree, tiles },
			...{ checkpoint: checkpoint.note, logId: checkpoint.logId },
		});
		written.push(await store.put(bundlePath(first), bundles));
		const text = encodeManifest({
			...{ version: 1, log: origin, first, size, root: root.toString("base64") },
			...{ writers: state.writers, keys: state.keys, objects: written },
		});
		await this.#manifest(size, encodeNote({ text, signatures: await this.#sign(text) }));
		this.#state = state;
		this.#tail = tail;
	}

	/** Signs, has it cosigned, and writes it; where somebody did that before, theirs counts. */
	async #checkpoint(
		head: Checkpoint,
	): Promise<{ readonly note: string; readonly written: Written; readonly logId: Buffer }> {
		const { store, cosign, onCosignFailed } = this.#options;
		const key = checkpointPath(head.size);
		const text = encodeCheckpoint(head);
		const before = await this.#checkpointThere(key, text);
		if (before !== undefined) return { ...before, written: await store.put(key, Buffer.from(before.note)) };
		const own = await this.#sign(text);
		let others: readonly NoteSignature[] = [];
		try {
			const note = encodeNote({ text, signatures: own });
			others = (await cosign?.(head, note, (size) => this.#consistency(size, head.size))) ?? [];
		} catch (error) {
			onCosignFailed?.(error);
		}
		const note = encodeNote({ text, signatures: [...own, ...others] });
		try {
			const logId = logKeyHash(head.origin, this.#options.signer.publicKey);
			return { note, logId, written: await store.put(key, Buffer.from(note)) };
		} catch (error) {
			if (!isAuditError(error, "FENCED")) throw error;
			// Another one ends the same round: with the same tree, or it is a fork.
			const theirs = await this.#checkpointThere(key, text);
			if (theirs === undefined) throw error;
			return { ...theirs, written: await store.put(key, Buffer.from(theirs.note)) };
		}
	}

	/** The one that is there, and which key signed it: bundles name that one. */
	async #checkpointThere(
		key: string,
		text: string,
	): Promise<{ readonly note: string; readonly logId: Buffer } | undefined> {
		const { store, origin } = this.#options;
		const found = await store.get(key);
		if (found === undefined) return undefined;
		const note = openOwn(this.#options, found, key);
		if (note.text !== text) {
			throw new AuditError(
				"FORK",
				`${key} says ${JSON.stringify(note.text)}, and the entries say ${JSON.stringify(text)}`,
			);
		}
		const logId = signedFirstBy(note, origin, logKeysOf(this.#options));
		return logId && { note: found.toString(), logId };
	}

	async #manifest(size: number, note: string): Promise<void> {
		try {
			await this.#options.store.put(manifestPath(size), Buffer.from(note));
		} catch (error) {
			// Another one has ended the same round; its versions are as good.
			if (!isAuditError(error, "FENCED")) throw error;
		}
	}

	async #consistency(before: number, size: number): Promise<readonly Buffer[]> {
		if (before === 0) return [];
		const ranges = consistencyRanges(before, size);
		const tiles = await Promise.all(
			tilesFor(ranges, size).map(
				async (tile) => [tilePath(tile), await needed(this.#options.store, tilePath(tile))] as const,
			),
		);
		const known = new Map(tiles);
		return rangeHashes(ranges, size, (tile) => known.get(tilePath(tile)) ?? Buffer.alloc(0));
	}

	#sign(text: string): Promise<readonly NoteSignature[]> {
		const { origin, signer, otherSigners = [] } = this.#options;
		const line = async (one: Signer) => {
			const keyId = logKeyHash(origin, one.publicKey).subarray(0, 4);
			return { name: origin, keyId, signature: await one.sign(Buffer.from(text)) };
		};
		return Promise.all([signer, ...otherSigners].map(line));
	}
}

function logKeysOf({ signer, otherSigners = [] }: SequencerOptions): readonly KeyObject[] {
	return [signer, ...otherSigners].map(({ publicKey }) => publicKey);
}

/** A note that one of the keys of this log has signed. Throws `FORMAT`, `KEY`. */
function openOwn(options: SequencerOptions, bytes: Buffer, key: string): Note {
	const note = parseNote(bytes.toString());
	const verifiers = logKeysOf(options).map((one) => logVerifier(options.origin, one));
	if (openNote(note, verifiers).length > 0) return note;
	throw new AuditError(
		"KEY",
		`${key} is not signed by the key of this log: which key is it? While a key follows another both must be given`,
	);
}

async function needed(store: Store, key: string): Promise<Buffer> {
	const bytes = await store.get(key);
	if (bytes === undefined) throw new AuditError("MISSING", `${key} is not in the store`);
	return bytes;
}

/** The state that the manifest of this size tells. */
async function stateAt(options: SequencerOptions, size: number): Promise<LogState> {
	const { store, keys } = options;
	if (size === 0) return emptyLog(keys);
	const note = openOwn(options, await needed(options.store, manifestPath(size)), manifestPath(size));
	const manifest = parseManifest(note.text);
	const tiles = edgeTiles(size).map(
		async (tile) => [tilePath(tile), await needed(store, tilePath(tile))] as const,
	);
	const bytes = new Map(await Promise.all(tiles));
	const tree = readTree(size, (tile) => bytes.get(tilePath(tile)) ?? Buffer.alloc(0));
	const checkpoint = parseCheckpoint(parseNote((await needed(store, checkpointPath(size))).toString()).text);
	if (!rootHash(tree).equals(checkpoint.root) || manifest.root !== rootHash(tree).toString("base64")) {
		throw new AuditError("FORK", `the tiles of ${size} entries are not those of ${checkpointPath(size)}`);
	}
	return { tree, writers: manifest.writers, keys: { ...keys, ...manifest.keys } };
}
