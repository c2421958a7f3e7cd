import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import test from "ava";
import { isAuditError } from "../../../audit/error.ts";
import { encodeCheckpoint, parseCheckpoint } from "../../../audit/format/checkpoint.ts";
import { cosignedAt, witnessVerifier } from "../../../audit/format/cosignature.ts";
import { encodeVerifierKey, logVerifier, noteKinds, parseVerifierKey } from "../../../audit/format/keys.ts";
import { encodeNote, openNote, parseNote } from "../../../audit/format/note.ts";
import { newKey } from "../../../audit/signer.ts";

// A note that golang.org/x/mod/sumdb/note has signed, out of its documentation.
const goKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const goNote = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

test("a note that Go's library has signed is read, and refused with any byte of its text changed", (t) => {
	const { name, key } = parseVerifierKey(goKey);
	const verifier = logVerifier(name, key);
	t.deepEqual(openNote(parseNote(goNote), [verifier]), [verifier]);
	t.is(encodeNote(parseNote(goNote)), goNote);
	t.is(encodeVerifierKey(name, noteKinds.ed25519, key), goKey);
	for (const at of [0, 30, 80]) {
		const wrong = `${goNote.slice(0, at)}X${goNote.slice(at + 1)}`;
		t.true(
			isAuditError(
				t.throws(() => openNote(parseNote(wrong), [verifier])),
				"FORMAT",
			),
		);
	}
	// Others' signatures are nobody's business, and a note that nobody known has signed says so
	t.deepEqual(openNote(parseNote(goNote), []), []);
});

test("what is no note is refused, each for its reason", (t) => {
	const good = "text\n\n— n AAAAAAAA\n";
	t.notThrows(() => parseNote(good));
	for (const wrong of [
		"",
		"text\n",
		"text\n\n",
		"text\n\n— n AAAAAAAA",
		"te\txt\n\n— n AAAAAAAA\n",
		"text\n\n- n AAAAAAAA\n",
		"text\n\n— n+m AAAAAAAA\n",
		"text\n\n— n AAAA\n",
		"text\n\n— n AAAAAAA=A\n",
		"text\n\n— n AAAAAAAB==\n",
		`text\n\n${"— n AAAAAAAA\n".repeat(101)}`,
	]) {
		t.true(
			isAuditError(
				t.throws(() => parseNote(wrong), undefined, JSON.stringify(wrong.slice(0, 40))),
				"FORMAT",
			),
		);
	}
	for (const wrong of ["", "a+b", `${goKey}A`, goKey.replace("c7", "c8"), goKey.replace("+AR", "+BR")]) {
		t.true(
			isAuditError(
				t.throws(() => parseVerifierKey(wrong)),
				"KEY",
			),
		);
	}
});

test("a checkpoint is what it says, and nothing around it", (t) => {
	const head = { origin: "log.example", size: 7, root: Buffer.alloc(32, 1) };
	const text = encodeCheckpoint(head);
	t.is(text, `log.example\n7\n${Buffer.alloc(32, 1).toString("base64")}\n`);
	t.deepEqual(parseCheckpoint(text), head);
	for (const wrong of [
		"",
		text.replace("7", "07"),
		text.replace("7", "-7"),
		text.replace("7", "9007199254740993"),
		text.replace("AQ", "AR").slice(0, -3),
		`${text}more\n`,
		text.replace("log.example", "log example"),
	]) {
		t.true(
			isAuditError(
				t.throws(() => parseCheckpoint(wrong)),
				"FORMAT",
			),
		);
	}
});

test("a cosignature counts with its time, and for no other time", (t) => {
	const key = createPrivateKey(newKey("Checkpoints"));
	const text = encodeCheckpoint({ origin: "log.example", size: 1, root: Buffer.alloc(32) });
	const time = Buffer.alloc(8);
	time.writeBigUInt64BE(1_700_000_000n);
	const made = sign(null, Buffer.from(`cosignature/v1\ntime 1700000000\n${text}`), key);
	const verifier = witnessVerifier(
		"w.example",
		parseVerifierKey(encodeVerifierKey("w.example", noteKinds.cosignature, createPublicKey(key))).key,
	);
	const signature = { name: "w.example", keyId: verifier.keyId, signature: Buffer.concat([time, made]) };
	t.deepEqual(openNote({ text, signatures: [signature] }, [verifier]), [verifier]);
	t.is(cosignedAt(signature), 1_700_000_000);
	time.writeBigUInt64BE(1_700_000_001n);
	const later = { ...signature, signature: Buffer.concat([time, made]) };
	t.throws(() => openNote({ text, signatures: [later] }, [verifier]));
});
