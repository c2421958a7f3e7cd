import { type KeyObject, verify } from "node:crypto";
import { noteKinds, rawEd25519 } from "./keys.ts";
import { type NoteSignature, type NoteVerifier, noteKeyHash } from "./note.ts";

// What a witness adds to a checkpoint: https://c2sp.org/tlog-cosignature

const timeLength = 8;

/** When the witness signed: seconds since 1970. */
export function cosignedAt({ signature }: NoteSignature): number {
	return Number(signature.readBigUInt64BE(0));
}

/** Checks cosignatures of a witness. */
export function witnessVerifier(name: string, key: KeyObject): NoteVerifier {
	return {
		name,
		keyId: noteKeyHash(name, noteKinds.cosignature, rawEd25519(key)).subarray(0, 4),
		verify: (text, signature) => {
			if (signature.length !== timeLength + 64) return false;
			const message = `cosignature/v1\ntime ${signature.readBigUInt64BE(0)}\n${text}`;
			return verify(null, Buffer.from(message), key, signature.subarray(timeLength));
		},
	};
}
