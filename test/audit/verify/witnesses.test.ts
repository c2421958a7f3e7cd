import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import test from "ava";
import { witnessVerifier } from "../../../audit/format/cosignature.ts";
import { encodeNote, parseNote } from "../../../audit/format/note.ts";
import { checkpointPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { newKey } from "../../../audit/signer.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { forge } from "./forge.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);

/** A witness, and what it adds to a note at a time (seconds since 1970). */
function witness(name: string) {
	const key = createPrivateKey(newKey("Checkpoints"));
	const verifier = witnessVerifier(name, createPublicKey(key));
	const cosign = (text: string, at: number) => {
		const time = Buffer.alloc(8);
		time.writeBigUInt64BE(BigInt(at));
		const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${at}\n${text}`), key);
		return { name, keyId: verifier.keyId, signature: Buffer.concat([time, signature]) };
	};
	return { verifier, cosign };
}

test("a witness counts once, however many lines and keys it has below a checkpoint", async (t) => {
	// Given a log of one entry, and two witnesses, one of them with two keys
	const store = await forge([[await signed(entries, entryOf(0))]], signer, keys);
	const key = checkpointPath(1);
	const { text, signatures } = parseNote(String(store.objects.get(key)));
	const [a, again, b] = [witness("a.example"), witness("a.example"), witness("b.example")];
	const trust = {
		...{ origin, logKeys: [signer.publicKey], keys, requireWitnesses: 2 },
		witnesses: [a, again, b].map(({ verifier }) => verifier),
	};
	const countedWith = async (more: typeof signatures) => {
		// Findings about the manifest are those of a checkpoint that was changed after it.
		store.objects.set(key, Buffer.from(encodeNote({ text, signatures: [...signatures, ...more] })));
		const { findings, witnesses } = await verify(store, trust);
		const codes = findings.map(({ code }) => code).filter((code) => code === "WitnessMissing");
		return [witnesses.map(({ name, at }) => `${name} ${at}`), codes];
	};
	// Then the same line twice, two signatures and two keys of one are one witness
	const [line, later] = [a.cosign(text, 1), a.cosign(text, 2)];
	t.deepEqual(await countedWith([line, line]), [["a.example 1"], ["WitnessMissing"]]);
	t.deepEqual(await countedWith([line, later]), [["a.example 1"], ["WitnessMissing"]]);
	t.deepEqual(await countedWith([line, again.cosign(text, 3)]), [["a.example 1"], ["WitnessMissing"]]);
	// And two are two
	t.deepEqual(await countedWith([line, b.cosign(text, 4)]), [["a.example 1", "b.example 4"], []]);
});
