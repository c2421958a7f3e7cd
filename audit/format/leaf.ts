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

/** What a leaf holds, each in base64. */
export type LeafParts = {
	/** SHA-256 of the entry. */
	readonly digest: string;
	readonly signature: string;
	/** DER of the public key. */
	readonly key: string;
};

const base64 = (bytes: Uint8Array) =>
	Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** What the leaf of an entry holds. */
export function leafParts({ entry, signature, key }: Signed): LeafParts {
	return { digest: sha256(entry).toString("base64"), signature: base64(signature), key: base64(key) };
}

/** The leaf, canonical JSON (RFC 8785): all of it is ASCII. */
export function leafText({ digest, signature, key }: LeafParts): string {
	return `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"${digest}"},"signature":{"content":"${signature}","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"${key}"}}}}}}`;
}

/** The leaf of an entry. */
export function encodeLeaf(signed: Signed): Buffer {
	return Buffer.from(leafText(leafParts(signed)), "latin1");
}
