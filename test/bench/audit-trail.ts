import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encodeEntry } from "../../audit/entry.ts";
import { sha256 } from "../../audit/format/hash.ts";
import { spkiOf } from "../../audit/format/keys.ts";
import type { Signed } from "../../audit/format/leaf.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { keySigner, newKey } from "../../audit/signer.ts";
import type { Store } from "../../audit/store/store.ts";
import type { Trust } from "../../audit/verify/trust.ts";
import { entryOf, origin } from "../audit/entries.ts";
import { Forger } from "../audit/verify/forge.ts";

/** A trail on the disk, and what is to be trusted of it. */
export type Trail = { readonly folder: string; readonly trust: Trust; readonly bytes: number };

const writers = 8;

/**
 * Writes a log of so many entries by eight writers into a folder, as a sequencer would have; nothing is verified on the way,
 * which would take ten times as long.
 */
export async function makeTrail(
	folder: string,
	entries: number,
	inRound: number,
	onProgress: (done: number) => void = () => {},
): Promise<Trail> {
	const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const signer = keySigner(createPrivateKey(newKey("Checkpoints")));
	const keys = initialKeys([publicKey]);
	const sink = folderSink(folder);
	const forger = new Forger(sink, signer, keys);
	const key = spkiOf(publicKey);
	for (let first = 0; first < entries; first += inRound) {
		const count = Math.min(inRound, entries - first);
		await forger.append(Array.from({ length: count }, (_, at) => signedEntry(first + at, privateKey, key)));
		onProgress(first + count);
	}
	return { folder, trust: { origin, logKeys: [signer.publicKey], keys }, bytes: sink.bytes() };
}

function signedEntry(index: number, privateKey: KeyObject, key: Buffer): Signed {
	const writer = { id: `writer-${index % writers}`, epoch: "1", counter: Math.floor(index / writers) };
	const entry = encodeEntry(entryOf(index, { writer }));
	return { entry, signature: sign("sha256", entry, privateKey), key };
}

function folderSink(folder: string): Pick<Store, "put"> & { readonly bytes: () => number } {
	const made = new Set<string>();
	let bytes = 0;
	return {
		put: async (key, content) => {
			const path = join(folder, key);
			if (!made.has(dirname(path))) mkdirSync(dirname(path), { recursive: true });
			made.add(dirname(path));
			writeFileSync(path, content);
			bytes += content.length;
			const digest = sha256(content).toString("hex");
			return { key, versionId: "1", sha256: digest, bytes: content.length, retainUntil: "" };
		},
		bytes: () => bytes,
	};
}
