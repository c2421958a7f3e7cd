import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { PermitError } from "./error.ts";
import type { KnownKeys, Signer } from "./signature.ts";

// Keys are written as Standard Webhooks writes those of `v1a`: `whsk_` or `whpk_` and base64 of the bytes of Ed25519.
const privatePrefix = "whsk_";
const publicPrefix = "whpk_";
/** DER of an Ed25519 key before its 32 bytes: PKCS #8 (RFC 8410, section 7) and SubjectPublicKeyInfo (section 4). */
const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");
const spki = Buffer.from("302a300506032b6570032100", "hex");
const keyBytes = 32;

/** A pair of keys as they are written into a Secret and a ConfigMap. */
export type KeyTexts = { readonly privateKey: string; readonly publicKey: string };

/** Makes a pair. */
export function generateKeys(): KeyTexts {
	const { privateKey, publicKey } = generateKeyPairSync("ed25519");
	const seed = privateKey.export({ type: "pkcs8", format: "der" }).subarray(-keyBytes);
	return {
		privateKey: `${privatePrefix}${seed.toString("base64")}`,
		publicKey: writePublicKey(publicKey),
	};
}

/** Reads `whsk_...`: the seed of 32 bytes, or seed and public key as libsodium keeps them. Throws `KEY`. */
export function readPrivateKey(text: string): KeyObject {
	const bytes = decode(text.trim(), privatePrefix, [keyBytes, 2 * keyBytes]);
	const der = Buffer.concat([pkcs8, bytes.subarray(0, keyBytes)]);
	return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

/** Reads `whpk_...`. Throws `KEY`. */
export function readPublicKey(text: string): KeyObject {
	const bytes = decode(text.trim(), publicPrefix, [keyBytes]);
	return createPublicKey({ key: Buffer.concat([spki, bytes]), format: "der", type: "spki" });
}

/**
 * Reads the public keys as the operator publishes them (`keys.json`): `{"permit": [...], "raise": [...]}`, several of a kind
 * while they are exchanged. Throws `KEY`.
 */
export function readPublicKeys(json: string): KnownKeys {
	let texts: Partial<Record<Signer, unknown>>;
	try {
		texts = { ...JSON.parse(json) };
	} catch (cause) {
		throw new PermitError("KEY", "the public keys are not JSON", { cause });
	}
	const read = (signer: Signer) => {
		const list = texts[signer];
		if (!Array.isArray(list)) throw new PermitError("KEY", `${signer}: expected a list of public keys`);
		return list.map((text) => readPublicKey(String(text)));
	};
	return { permit: read("permit"), raise: read("raise") };
}

/** The public half, as `whpk_...`, of either half. */
export function writePublicKey(key: KeyObject): string {
	const half = key.type === "private" ? createPublicKey(key) : key;
	const bytes = half.export({ type: "spki", format: "der" }).subarray(-keyBytes);
	return `${publicPrefix}${bytes.toString("base64")}`;
}

function decode(text: string, prefix: string, lengths: readonly number[]): Buffer {
	// The text is not repeated: it may be a secret.
	if (!text.startsWith(prefix)) throw new PermitError("KEY", `a key of this kind begins with ${prefix}`);
	const base64 = text.slice(prefix.length);
	const bytes = Buffer.from(base64, "base64");
	const isWhole = bytes.toString("base64").replaceAll("=", "") === base64.replaceAll("=", "");
	if (!isWhole || !lengths.includes(bytes.length)) {
		throw new PermitError("KEY", `${prefix}: expected base64 of ${lengths.join(" or ")} bytes`);
	}
	return bytes;
}
