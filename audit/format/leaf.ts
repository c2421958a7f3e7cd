import { sha256 } from "./hash.ts";

// The leaf of an entry: the body of a Rekor v2 hashedrekord 0.0.2, which sigstore's verifiers derive again from the entry, its
// signature and its key: https://github.com/sigstore/rekor-tiles

/** An entry as it is in the log. */
export type Signed = {
	/** The canonical bytes that were signed. */
	readonly entry: Uint8Array;
	/** ECDSA P-256 over SHA-256, DER. */
	readonly signature: Uint8Array;
	/** DER of the public key. */
	readonly key: Uint8Array;
};

const base64 = (bytes: Uint8Array) =>
	Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** The leaf, canonical JSON (RFC 8785). */
export function encodeLeaf({ entry, signature, key }: Signed): Buffer {
	return leafOf(sha256(entry), signature, key);
}

/** The leaf of an entry of which only the SHA-256 is at hand. */
export function leafOf(digest: Uint8Array, signature: Uint8Array, key: Uint8Array): Buffer {
	return Buffer.from(
		`{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"${base64(digest)}"},"signature":{"content":"${base64(signature)}","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"${base64(key)}"}}}}}}`,
	);
}
