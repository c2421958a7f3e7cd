import { AuditError } from "../error.ts";
import { sha256 } from "./hash.ts";

// C2SP signed-note: https://c2sp.org/signed-note

/** One line below a note. */
export type NoteSignature = {
	readonly name: string;
	/** The first four bytes of the key's hash. */
	readonly keyId: Buffer;
	readonly signature: Buffer;
};

/** A text and who signed it. */
export type Note = { readonly text: string; readonly signatures: readonly NoteSignature[] };

/** Somebody whose signatures on notes are known. */
export type NoteVerifier = {
	readonly name: string;
	readonly keyId: Buffer;
	/** True for a signature of theirs over the text. */
	readonly verify: (text: string, signature: Buffer) => boolean;
};

const mostSignatures = 100;
// Names must not be confused with what is around them.
const namePattern = /^[^\s+\p{Cc}]+$/u;

/** Hash of a key: over the name, the kind of signature and the key itself. */
export function noteKeyHash(name: string, kind: number, key: Uint8Array): Buffer {
	return sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(kind), key]));
}

/** True for what may be the name of a key. */
export function isNoteName(name: string): boolean {
	return namePattern.test(name);
}

/** The bytes of a note. */
export function encodeNote({ text, signatures }: Note): string {
	const lines = signatures.map(
		({ name, keyId, signature }) => `— ${name} ${Buffer.concat([keyId, signature]).toString("base64")}\n`,
	);
	return `${text}\n${lines.join("")}`;
}

/** Reads a note. Throws `FORMAT`. Nobody's signature is checked here: see {@link openNote}. */
export function parseNote(content: string): Note {
	const wrong = (why: string) => new AuditError("FORMAT", `this is no signed note: ${why}`);
	const end = content.lastIndexOf("\n\n");
	if (end < 0) throw wrong("no empty line before its signatures");
	if (!content.endsWith("\n")) throw wrong("its last line does not end");
	const text = content.slice(0, end + 1);
	// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be in it.
	if (/[\x00-\x09\x0b-\x1f]|\ufffd/.test(content))
		throw wrong("a control character, or bytes that are no UTF-8");
	const lines = content.slice(end + 2, -1).split("\n");
	if (lines.length > mostSignatures) throw wrong(`more than ${mostSignatures} signatures`);
	const signatures = lines.map((line) => {
		const [, name = "", encoded = ""] = /^— (\S+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
		const bytes = Buffer.from(encoded, "base64");
		if (!isNoteName(name) || bytes.length < 5 || bytes.toString("base64") !== encoded) {
			throw wrong(`a signature line is "${line.slice(0, 100)}"`);
		}
		return { name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
	});
	return { text, signatures };
}

/**
 * Checks the signatures of those who are known; others are ignored. Returns who signed. Throws `FORMAT` when one of them is
 * wrong: a note with a wrong signature of a known key is no note.
 */
export function openNote(note: Note, verifiers: readonly NoteVerifier[]): readonly NoteVerifier[] {
	const signers = new Set<NoteVerifier>();
	for (const { name, keyId, signature } of note.signatures) {
		for (const verifier of verifiers) {
			if (verifier.name !== name || !verifier.keyId.equals(keyId)) continue;
			if (!verifier.verify(note.text, signature)) {
				throw new AuditError("FORMAT", `the signature of ${name} is wrong`);
			}
			signers.add(verifier);
		}
	}
	return [...signers];
}
