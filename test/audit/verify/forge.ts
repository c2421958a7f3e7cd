import { encodeCheckpoint } from "../../../audit/format/checkpoint.ts";
import { logKeyHash } from "../../../audit/format/keys.ts";
import { encodeLeaf, leafParts, type Signed } from "../../../audit/format/leaf.ts";
import { encodeLine, splitLine } from "../../../audit/format/line.ts";
import { encodeNote } from "../../../audit/format/note.ts";
import { emptyTree, rootHash } from "../../../audit/format/tree.ts";
import { batchPath, bundlePath, checkpointPath, manifestPath } from "../../../audit/layout.ts";
import type { KeyRing } from "../../../audit/log/key-ring.ts";
import { encodeManifest } from "../../../audit/log/manifest.ts";
import { bundlesOf, roundObjects } from "../../../audit/log/round.ts";
import type { Signer } from "../../../audit/signer.ts";
import type { Store, Written } from "../../../audit/store/store.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { EntryChecker } from "../../../audit/verify/entries.ts";
import { type EntryProblem, EntryReader } from "../../../audit/verify/read.ts";
import { origin } from "../entries.ts";

/** A log of whatever entries, as somebody makes it who has its key and keeps to no rule. */
export async function forge(
	rounds: readonly (readonly Signed[])[],
	signer: Signer,
	keys: KeyRing,
): Promise<MemoryStore> {
	const store = new MemoryStore();
	const [forger, reader] = [new Forger(store, signer, keys), new EntryReader()];
	for (const signed of rounds) {
		const problems = signed.flatMap((one, at) => {
			const parts = splitLine(encodeLine(one).subarray(0, -1));
			return reader.problemsOf(parts, at);
		});
		await forger.append(signed, problems);
	}
	return store;
}

/** Writes rounds of whatever entries; what is wrong with them by themselves it is told. */
export class Forger {
	readonly #store: Pick<Store, "put">;
	readonly #signer: Signer;
	readonly #checker: EntryChecker;
	#tree = emptyTree;
	#tail: readonly Buffer[] = [];

	constructor(store: Pick<Store, "put">, signer: Signer, keys: KeyRing) {
		this.#store = store;
		this.#signer = signer;
		this.#checker = new EntryChecker(origin, keys);
	}

	/** One round; the result is its checkpoint. */
	async append(signed: readonly Signed[], problems: readonly EntryProblem[] = []): Promise<string> {
		const first = this.#tree.size;
		const written: Written[] = [];
		const put = async (key: string, bytes: Buffer) => {
			written.push(await this.#store.put(key, bytes));
		};
		const lines = signed.map((one) => encodeLine(one));
		await put(batchPath(first), Buffer.concat(lines));
		const leaves = signed.map(leafParts);
		const added = signed.map((one) => encodeLeaf(one));
		const bodyOf = (at: number) => added[at]?.toString("base64") ?? "";
		const round = roundObjects(this.#tree, this.#tail, added);
		for (const [key, bytes] of round.objects) await put(key, bytes);
		this.#tail = round.tail;
		this.#tree = round.tree;
		const { tree, tiles } = round;
		const { size } = tree;
		const root = rootHash(tree);
		const checkpoint = await this.#signed(encodeCheckpoint({ origin, size, root }));
		await put(checkpointPath(size), Buffer.from(checkpoint));
		const logId = logKeyHash(origin, this.#signer.publicKey);
		await put(bundlePath(first), bundlesOf({ leaves, bodyOf, first, tree, tiles, checkpoint, logId }));
		for (const [at, line] of lines.entries()) {
			const own = problems.filter((one) => one.at === at);
			this.#checker.check(splitLine(line.subarray(0, -1)), first + at, own, () => {});
		}
		const manifest = encodeManifest({
			...{ version: 1, log: origin, first, size, root: root.toString("base64") },
			...{ writers: this.#checker.writers, keys: this.#checker.ring, objects: written },
		});
		await this.#store.put(manifestPath(size), Buffer.from(await this.#signed(manifest)));
		return checkpoint;
	}

	async #signed(text: string): Promise<string> {
		const keyId = logKeyHash(origin, this.#signer.publicKey).subarray(0, 4);
		const signature = await this.#signer.sign(Buffer.from(text));
		return encodeNote({ text, signatures: [{ name: origin, keyId, signature }] });
	}
}
