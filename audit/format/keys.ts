import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { AuditError } from "../error.ts";
import { sha256 } from "./hash.ts";
import { isNoteName, type Note, type NoteVerifier, noteKeyHash } from "./note.ts";

/** Kinds of signatures on notes (C2SP signed-note). */
export const noteKinds = { ed25519: 0x01, cosignature: 0x04 } as const;

const ed25519Prefix = Buffer.from("302a300506032b6570032100", "hex");

/** DER of a public key (SubjectPublicKeyInfo, RFC 5280). */
export function spkiOf(key: KeyObject): Buffer {
	return key.export({ type: "spki", format: "der" });
}

/** How sigstore refers to a key: base64 of the SHA-256 of its DER. */
export function keyHint(key: KeyObject): string {
	return sha256(spkiOf(key)).toString("base64");
}

/** The 32 bytes of an Ed25519 public key. Throws `KEY`. */
export function rawEd25519(key: KeyObject): Buffer {
	if (key.asymmetricKeyType !== "ed25519") throw new AuditError("KEY", "checkpoints need an Ed25519 key");
	return spkiOf(key).subarray(-32);
}

/** The public key with these 32 bytes. */
export function ed25519Key(raw: Uint8Array): KeyObject {
	return createPublicKey({ key: Buffer.concat([ed25519Prefix, raw]), format: "der", type: "spki" });
}

/** Throws `KEY` unless it is a P-256 key, which is what every verifier of entries takes. */
export function assertP256(key: KeyObject): void {
	if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1") return;
	throw new AuditError("KEY", "entries need a P-256 key (openssl ecparam -name prime256v1 -genkey)");
}

/** True for a signature of an entry: ECDSA P-256 over SHA-256, DER. */
export function isSignedBy(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
	return verify("sha256", bytes, key, signature);
}

/** Hash of the key of a log: what its verifiers, and sigstore as log id, know it by. */
export function logKeyHash(origin: string, key: KeyObject): Buffer {
	return noteKeyHash(origin, noteKinds.ed25519, rawEd25519(key));
}

/** Checks checkpoints of a log. */
export function logVerifier(origin: string, key: KeyObject): NoteVerifier {
	return {
		name: origin,
		keyId: logKeyHash(origin, key).subarray(0, 4),
		verify: (text, signature) => verify(null, Buffer.from(text), key, signature),
	};
}

/** Hash of the key that signed this note first, of those that the log has; undefined: none of them did. */
export function signedFirstBy(note: Note, origin: string, keys: readonly KeyObject[]): Buffer | undefined {
	const hashes = keys.map((key) => logKeyHash(origin, key));
	return note.signatures
		.filter(({ name }) => name === origin)
		.flatMap(({ keyId }) => hashes.find((hash) => hash.subarray(0, 4).equals(keyId)) ?? [])
		.at(0);
}

/** A verifier key as text (C2SP signed-note): name, id and key. */
export function encodeVerifierKey(name: string, kind: number, key: KeyObject): string {
	const raw = rawEd25519(key);
	const id = noteKeyHash(name, kind, raw).toString("hex").slice(0, 8);
	return `${name}+${id}+${Buffer.concat([Buffer.of(kind), raw]).toString("base64")}`;
}

/** Reads a verifier key. Throws `KEY`. */
export function parseVerifierKey(text: string): {
	readonly name: string;
	readonly kind: number;
	readonly key: KeyObject;
} {
	const wrong = (why: string) =>
		new AuditError("KEY", `"${text.slice(0, 100)}" is no verifier key (NAME+ID+KEY): ${why}`);
	const [, name = "", id, encoded = ""] =
		/^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text.trim()) ?? [];
	if (!isNoteName(name)) throw wrong("no name");
	const bytes = Buffer.from(encoded, "base64");
	const [kind = -1] = bytes;
	const raw = bytes.subarray(1);
	const isKey = Object.values<number>(noteKinds).includes(kind) && raw.length === 32;
	if (!isKey || bytes.toString("base64") !== encoded) throw wrong("no Ed25519 key");
	if (noteKeyHash(name, kind, raw).toString("hex").slice(0, 8) !== id)
		throw wrong("its id is not that of its key");
	return { name, kind, key: ed25519Key(raw) };
}
