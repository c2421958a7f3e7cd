import test from "ava";
import { spkiOf } from "../../../audit/format/keys.ts";
import type { Signed } from "../../../audit/format/leaf.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { entryOf, signed, signerFor } from "../entries.ts";
import { stored, world } from "./support.ts";

test("whoever holds another key neither takes the place of an entry nor makes its writer forgotten", async (t) => {
	// Given a writer in its first epoch, and a thief with a key of somebody else
	const { store, entries, open } = world();
	const stolen = signerFor("Entries");
	const keys = initialKeys([entries.publicKey, stolen.publicKey]);
	const sequencer = await open({ keys });
	const by = (signer: typeof entries, epoch: string, counter: number) =>
		signed(signer, entryOf(counter, { writer: { id: "op", epoch, counter } }));
	const outcomes = async (...all: readonly Promise<Signed>[]) => sequencer.append(await Promise.all(all));
	await outcomes(by(entries, "e5", 0));
	// When the thief says what comes next, or begins many epochs
	const [taken] = await outcomes(by(stolen, "e5", 1));
	t.regex(taken?.kind === "Refused" ? taken.why : "", /its key .* is not .*, which signs epoch e5 of op/);
	for (const epoch of ["f1", "f2", "f3", "f4", "f5", "f6"]) await outcomes(by(stolen, epoch, 0));
	// Then the writer goes on where it was
	const kinds = (await outcomes(by(entries, "e5", 1), by(entries, "e6", 0))).map(({ kind }) => kind);
	t.deepEqual(kinds, ["Appended", "Appended"]);
	t.is(stored(store).length, 9);
});

test("an old epoch does not come back once it is forgotten", async (t) => {
	// Given a writer that began anew more often than is remembered
	const { store, entries, open } = world();
	const sequencer = await open();
	const by = (epoch: string, counter: number) =>
		signed(entries, entryOf(counter, { writer: { id: "op", epoch, counter } }));
	for (const epoch of ["e1", "e2", "e3", "e4", "e5"]) await sequencer.append([await by(epoch, 0)]);
	const before = stored(store).length;
	// When somebody puts in again what it said at first
	const [forgotten, known, next] = await sequencer.append([
		await by("e1", 0),
		await by("e2", 0),
		await by("e2", 1),
	]);
	// Then it is refused, and what is remembered is known
	t.regex(forgotten?.kind === "Refused" ? forgotten.why : "", /epoch e1 of op is older than e2/);
	t.is(known?.kind, "Known");
	t.is(next?.kind, "Appended");
	t.is(stored(store).length, before + 1);
});

test("what a stranger sends is not read, and what is nested too deep is refused", async (t) => {
	// Given JSON that is deeper than functions can call each other
	const { store, entries, open } = world();
	const sequencer = await open();
	const deep = Buffer.from(`${"[".repeat(29_000)}${"]".repeat(29_000)}`);
	const key = spkiOf(entries.publicKey);
	// When somebody sends it without a signature, or with one
	const outcomes = await sequencer.append([
		{ entry: deep, signature: Buffer.from([1]), key },
		{ entry: deep, signature: await entries.sign(deep), key },
	]);
	// Then both are refused, and the log goes on
	const words = outcomes.map((one) => (one.kind === "Refused" ? one.why : one.kind));
	t.regex(words[0] ?? "", /signature is wrong/);
	t.regex(words[1] ?? "", /nested too deep|no canonical JSON/);
	t.is(stored(store).length, 0);
});
