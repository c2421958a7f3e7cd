import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { findingCodes } from "../../../audit/verify/finding.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { call } from "./call.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const steers = "\u001b[2J\u009b1A\u202e\u2066\u2028\u007f";
const name = `eve\n       7  forged${steers}`;

test("an entry of hostile text and an object of a hostile name show as one line each, in every view", async (t) => {
	// Given a trail with an entry by somebody who writes what steers terminals, and with such an object
	const store = new MemoryStore();
	const keys = initialKeys([entries.publicKey]);
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	const hostile = entryOf(0, {
		...{ actor: { name }, entity: { type: "Desk", id: name }, action: name, justification: name },
		...{ writer: { id: name, epoch: "1", counter: 0 }, after: { values: { mode: name } } },
	});
	await sequencer.append([await signed(entries, hostile)]);
	store.objects.set(`tile/0/${steers}`, Buffer.from("x"));
	const folder = temporaryFolder(t, "trail");
	for (const [key, bytes] of store.objects) {
		mkdirSync(dirname(join(folder, key)), { recursive: true });
		writeFileSync(join(folder, key), bytes);
	}
	const file = (path: string, key: typeof signer.publicKey) => {
		writeFileSync(join(folder, path), key.export({ type: "spki", format: "pem" }));
		return join(folder, path);
	};
	const where = [
		...["--trail", folder, "--origin", origin],
		...["--log-key", file("log.pem", signer.publicKey), "--entry-key", file("entry.pem", entries.publicKey)],
	];
	// When it is looked at
	for (const [command, lines] of [
		[["timeline"], 1],
		[["who", name], 1],
		[["gaps"], 1],
		[["at", "2027-01-01"], 1],
		[["verify"], 4],
		[["show", "0"], undefined],
		[["report"], undefined],
	] as const) {
		const { code, out, err } = await call([...command, ...where]);
		// Then nothing steers, no line is more than there are, and the object is told of
		t.is(code, findingCodes.ObjectUnexpected, err);
		for (const one of "\u001b\u009b\u202e\u2066\u2028\u007f") t.false((out + err).includes(one), command[0]);
		t.notRegex(out, /^ {7}7 {2}forged/m);
		if (lines !== undefined) t.is(out.trimEnd().split("\n").length, lines, out);
		t.true((out + err).includes("\\u001b[2J\\u009b1A\\u202e\\u2066\\u2028\\u007f"), command[0]);
	}
});
