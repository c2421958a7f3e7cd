import { sha256 } from "./hash.ts";
import type { Signed } from "./leaf.ts";
import { encodeLeaf } from "./leaf.ts";

/** Where an entry is in the log, and what proves it. */
export type Proven = Signed & {
	readonly index: number;
	readonly size: number;
	readonly root: Uint8Array;
	readonly proof: readonly Uint8Array[];
	/** The signed note of the tree of that size. */
	readonly checkpoint: string;
	/** Hash of the key of the log. */
	readonly logId: Uint8Array;
};

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/**
 * A sigstore bundle v0.3, as one line of JSON: signature, log entry, inclusion proof and checkpoint, which `cosign verify-blob`
 * and `@sigstore/verify` check against the entry, its public key and a trusted root.
 */
export function encodeBundle(proven: Proven): string {
	const { entry, signature, key, index, size, root, proof, checkpoint, logId } = proven;
	return JSON.stringify({
		mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
		verificationMaterial: {
			publicKey: { hint: base64(sha256(key)) },
			tlogEntries: [
				{
					logIndex: String(index),
					logId: { keyId: base64(logId) },
					kindVersion: { kind: "hashedrekord", version: "0.0.2" },
					inclusionProof: {
						logIndex: String(index),
						rootHash: base64(root),
						treeSize: String(size),
						hashes: proof.map(base64),
						checkpoint: { envelope: checkpoint },
					},
					canonicalizedBody: base64(encodeLeaf({ entry, signature, key })),
				},
			],
		},
		messageSignature: {
			messageDigest: { algorithm: "SHA2_256", digest: base64(sha256(entry)) },
			signature: base64(signature),
		},
	});
}
