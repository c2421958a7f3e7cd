import { ByteText } from "./byte-text.ts";
import { sha256 } from "./hash.ts";
import type { LeafParts } from "./leaf.ts";

/** What all bundles of a round have in common. */
export type BundleRound = {
	readonly size: number;
	readonly root: Uint8Array;
	/** The signed note of the tree of that size. */
	readonly checkpoint: string;
	/** Hash of the key of the log. */
	readonly logId: Uint8Array;
};

/** An entry and what proves it. */
export type Proven = {
	readonly leaf: LeafParts;
	/** The same as it is in the log, in base64. */
	readonly body: string;
	readonly index: number;
	/** Hashes from the leaf up, in base64, as JSON without brackets. */
	readonly proof: string;
};

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/**
 * Sigstore bundles v0.3, one line of JSON each: signature, log entry, inclusion proof and checkpoint, which `cosign verify-blob`
 * and `@sigstore/verify` check against the entry, its public key and a trusted root. `expectedBytes`: of all of
 * them, about.
 */
export function encodeBundles(
	{ size, root, checkpoint, logId }: BundleRound,
	proven: Iterable<Proven>,
	expectedBytes: number,
): Buffer {
	const hints = new Map<string, string>();
	const hintOf = (key: string) => {
		const hint = hints.get(key) ?? base64(sha256(Buffer.from(key, "base64")));
		hints.set(key, hint);
		return hint;
	};
	const [id, rootHash] = [base64(logId), base64(root)];
	// The one part that is not ASCII is spelled byte by byte, so that all can be written byte by byte: a line is made in microseconds.
	const envelope = Buffer.from(JSON.stringify(checkpoint)).toString("latin1");
	const lines = new ByteText(expectedBytes);
	for (const { leaf, body, index, proof } of proven) {
		lines.append(
			`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"${hintOf(leaf.key)}"},` +
				`"tlogEntries":[{"logIndex":"${index}","logId":{"keyId":"${id}"},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},` +
				`"inclusionProof":{"logIndex":"${index}","rootHash":"${rootHash}","treeSize":"${size}","hashes":[${proof}],` +
				`"checkpoint":{"envelope":${envelope}}},"canonicalizedBody":"${body}"}]},` +
				`"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"${leaf.digest}"},"signature":"${leaf.signature}"}}\n`,
		);
	}
	return lines.bytes();
}
