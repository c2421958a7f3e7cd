import { encodeCheckpoint } from "../../../audit/format/checkpoint.ts";
import { logKeyHash } from "../../../audit/format/keys.ts";
import { encodeLeaf, type Signed } from "../../../audit/format/leaf.ts";
import { encodeLine } from "../../../audit/format/line.ts";
import { encodeNote } from "../../../audit/format/note.ts";
import { emptyTree, rootHash } from "../../../audit/format/tree.ts";
import { batchPath, bundlePath, checkpointPath, manifestPath } from "../../../audit/layout.ts";
import type { KeyRing } from "../../../audit/log/key-ring.ts";
import { encodeManifest } from "../../../audit/log/manifest.ts";
import { bundleLines, roundObjects } from "../../../audit/log/round.ts";
import type { Signer } from "../../../audit/signer.ts";
import type { Written } from "../../../audit/store/store.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { EntryChecker } from "../../../audit/verify/entries.ts";
import { origin } from "../entries.ts";

/** A log of whatever entries, as somebody makes it who has its key and keeps to no rule. */
export async function forge(
	rounds: readonly (readonly Signed[])[],
	signer: Signer,
	keys: KeyRing,
): Promise<MemoryStore> {
	const store = new MemoryStore();
	const checker = new EntryChecker(origin, keys);
	let [tree, tail]: [typeof emptyTree, readonly Buffer[]] = [emptyTree, []];
	const sign = async (text: string) => ({
		name: origin,
		keyId: logKeyHash(origin, signer.publicKey).subarray(0, 4),
		signature: await signer.sign(Buffer.from(text)),
	});
	for (const signed of rounds) {
		const first = tree.size;
		const written: Written[] = [];
		const put = async (key: string, bytes: Buffer) => {
			written.push(await store.put(key, bytes));
		};
		await put(batchPath(first), Buffer.concat(signed.map((one) => encodeLine(one))));
		const leaves = signed.map((one) => encodeLeaf(one));
		const round = roundObjects(tree, tail, leaves);
		for (const [key, bytes] of round.objects) await put(key, bytes);
		[tree, tail] = [round.tree, round.tail];
		const text = encodeCheckpoint({ origin, size: tree.size, root: rootHash(tree) });
		const checkpoint = encodeNote({ text, signatures: [await sign(text)] });
		await put(checkpointPath(tree.size), Buffer.from(checkpoint));
		const logId = logKeyHash(origin, signer.publicKey);
		const bundles = bundleLines({ signed, first, tree, tiles: round.tiles, checkpoint, logId });
		await put(bundlePath(first), Buffer.from(bundles.join("")));
		for (const [at, one] of signed.entries()) checker.check(one, first + at, () => {});
		const manifest = encodeManifest({
			...{ version: 1, log: origin, first, size: tree.size, root: rootHash(tree).toString("base64") },
			...{ writers: checker.writers, keys: checker.ring, objects: written },
		});
		await store.put(
			manifestPath(tree.size),
			Buffer.from(encodeNote({ text: manifest, signatures: [await sign(manifest)] })),
		);
	}
	return store;
}
