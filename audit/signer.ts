import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { AuditError, messageOf } from "./error.ts";
import { tokenSigner } from "./signers/token.ts";
import { isTokenUri } from "./signers/uri.ts";

/**
 * Whoever signs: a key in a file, a token, later a service. A P-256 key signs entries (SHA-256, DER), an Ed25519 key signs
 * checkpoints.
 */
export type Signer = {
	readonly publicKey: KeyObject;
	/** Throws `SIGN`. */
	readonly sign: (bytes: Uint8Array) => Promise<Buffer>;
	/** Lets go of what it holds. */
	readonly close: () => Promise<void>;
};

const signInThread = promisify(sign);

/** Signs with a key in memory. Throws `KEY` for other kinds of keys. */
export function keySigner(privateKey: KeyObject): Signer {
	const publicKey = createPublicKey(privateKey);
	const algorithm = algorithmOf(publicKey);
	return {
		publicKey,
		async sign(bytes) {
			try {
				return await signInThread(algorithm, bytes, privateKey);
			} catch (cause) {
				throw new AuditError("SIGN", `the key did not sign: ${messageOf(cause)}`, { cause });
			}
		},
		async close() {},
	};
}

/**
 * The signer of a private key: a `pkcs11:` URI names one in a token, everything else is the path of a PEM file. Throws `KEY`, and
 * `SIGN` for a token that does not answer.
 */
export function signerAt(key: string): Promise<Signer> {
	return isTokenUri(key) ? tokenSigner(key) : fileSigner(key);
}

/** Signs with a private key out of a PEM file. Throws `KEY` naming the file. */
export async function fileSigner(path: string): Promise<Signer> {
	let key: KeyObject;
	try {
		key = createPrivateKey(await readFile(path));
	} catch (cause) {
		throw new AuditError("KEY", `${path} holds no private key in PEM: ${messageOf(cause)}`, { cause });
	}
	try {
		return keySigner(key);
	} catch (cause) {
		throw new AuditError("KEY", `${path}: ${messageOf(cause)}`, { cause });
	}
}

/** A new private key, PEM (PKCS #8): for entries, or for checkpoints. */
export function newKey(purpose: "Entries" | "Checkpoints"): string {
	const { privateKey } =
		purpose === "Entries"
			? generateKeyPairSync("ec", { namedCurve: "P-256" })
			: generateKeyPairSync("ed25519");
	return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/** The digest that a key of this kind signs over, by Node's name. */
function algorithmOf(key: KeyObject): "sha256" | null {
	if (key.asymmetricKeyType === "ed25519") return null;
	if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1")
		return "sha256";
	throw new AuditError("KEY", "a key for entries is P-256, a key for checkpoints Ed25519; this is neither");
}
