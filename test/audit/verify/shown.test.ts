import test from "ava";
import type { Entry } from "../../../audit/entry.ts";
import { keyHint } from "../../../audit/format/keys.ts";
import type { Signed } from "../../../audit/format/leaf.ts";
import { keyAdded, offerKey } from "../../../audit/key-entries.ts";
import { batchPath, checkpointPath, manifestPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import type { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { forge } from "./forge.ts";

// What is shown to whoever reads a trail, and what is believed of entries that are in doubt.

const [entries, stranger] = [signerFor("Entries"), signerFor("Entries")];
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys };

const one = (counter: number, rest: Partial<Entry> = {}) => signed(entries, entryOf(counter, rest));
const some = (from: number, count: number) =>
	Promise.all(Array.from({ length: count }, (_, at) => one(from + at)));

async function read(store: MemoryStore, ring = keys) {
	const shown: number[] = [];
	const { findings } = await verify(
		store,
		{ ...trust, keys: ring },
		{ onEntry: (_, index) => shown.push(index) },
	);
	return { shown, told: findings.map(({ code, index, object }) => `${code} ${index ?? object}`) };
}

const spoilt = (signature: Buffer): Buffer => {
	const wrong = Buffer.from(signature);
	wrong[20] = (wrong[20] ?? 0) ^ 1;
	return wrong;
};
const entriesInDoubt: Readonly<Record<string, readonly [string, () => Promise<Signed>]>> = {
	"a signature is wrong": [
		"SignatureWrong",
		async () => {
			const good = await one(1);
			return { ...good, signature: spoilt(good.signature as Buffer) };
		},
	],
	"the key is unknown": ["KeyUnknown", () => signed(stranger, entryOf(1))],
	"it is for another log": ["EntryOfAnotherLog", () => one(1, { log: "other.example" })],
	"a key that it adds cannot be read": [
		"EntryMalformed",
		() => one(1, { kind: "KeyAdded", entity: { type: "Key", id: "x" }, metadata: {} }),
	],
};

for (const [what, [code, make]] of Object.entries(entriesInDoubt)) {
	test(`an entry is not shown, and its counter is not believed, where ${what}`, async (t) => {
		// Given a log whose own key has signed it between good ones, with the counter of the good one after it
		const store = await forge([[await one(0), await make(), await one(1)]], signer, keys);
		// Then it alone is told of, and the others are shown
		t.deepEqual(await read(store), { shown: [0, 2], told: [`${code} 1`] });
	});
}

test("what is signed by a key past its revocation is not shown, what has a wrong counter or time is", async (t) => {
	const writer = (counter: number) => ({ writer: { id: "operator", epoch: "1", counter } });
	const back = one(2, { ...writer(7), time: { ...entryOf(0).time, wall: "2020-01-01T00:00:00.000000Z" } });
	const store = await forge([[await one(0), await one(0), await back]], signer, keys);
	t.deepEqual(await read(store), {
		shown: [0, 1, 2],
		told: ["CounterRepeated 1", "CounterGap 2", "EntryBackdated 2"],
	});
	const revoked = one(0, { kind: "KeyRevoked", entity: { type: "Key", id: keyHint(entries.publicKey) } });
	const late = await forge([[await revoked, await one(1)]], signer, keys);
	t.deepEqual(await read(late), { shown: [0], told: ["KeyRevoked 1"] });
});

test("what another key signs within an epoch of a writer is not shown, and says nothing of its time", async (t) => {
	const both = initialKeys([entries.publicKey, stranger.publicKey]);
	const ahead = { ...entryOf(1).time, wall: "2030-01-01T00:00:00.000000Z" };
	const theirs = await signed(stranger, entryOf(1, { time: ahead }));
	const store = await forge([[await one(0), theirs, await one(1)]], signer, both);
	t.deepEqual(await read(store, both), { shown: [0, 2], told: ["WriterKeyChanged 1"] });
});

test("a key is not added by an entry whose signature is wrong", async (t) => {
	const offered = await offerKey(stranger, origin);
	const adding = await one(0, keyAdded(offered, { actor: { name: "ann" }, justification: "rotation" }));
	const theirs = signed(stranger, entryOf(0, { writer: { id: "theirs", epoch: "1", counter: 0 } }));
	const forged = { ...adding, signature: spoilt(adding.signature as Buffer) };
	t.deepEqual(await read(await forge([[adding, await theirs]], signer, keys)), { shown: [0, 1], told: [] });
	t.deepEqual(await read(await forge([[forged, await theirs]], signer, keys)), {
		shown: [],
		told: ["SignatureWrong 0", "KeyUnknown 1"],
	});
});

test("of a batch that is not what its checkpoint covers nothing is shown, and what follows from that is not told again", async (t) => {
	// Given a round in the middle, with a writer and a key of its own
	const offered = await offerKey(stranger, origin);
	const theirs = (counter: number) =>
		signed(stranger, entryOf(counter, { writer: { id: "theirs", epoch: "1", counter } }));
	const adding = await one(2, keyAdded(offered, { actor: { name: "ann" }, justification: "rotation" }));
	const rounds = [await some(0, 2), [adding, await theirs(0), await one(3)], [await one(4), await theirs(1)]];
	const make = () => forge(rounds, signer, keys);
	// When an entry of it is dropped, or changed, or the batch is gone
	const spoil: Readonly<Record<string, (text: string) => string | undefined>> = {
		"EntryDropped 4": (text) => `${text.split("\n").slice(0, 2).join("\n")}\n`,
		"EntryChanged 4": (text) => text.replace(/raise(?![^\n]*\n[^\n]+\n)/, "lower"),
	};
	for (const [told, change] of Object.entries(spoil)) {
		const store = await make();
		const before = String(store.objects.get(batchPath(2)));
		const after = change(before) ?? "";
		t.not(after, before);
		store.objects.set(batchPath(2), Buffer.from(after));
		const found = await read(store);
		// Then the entries of the other rounds are shown, and the round is told of
		t.deepEqual(found.shown, [0, 1, 5, 6]);
		t.deepEqual(
			found.told.filter((text) => text !== "SignatureWrong 4"),
			[told],
		);
	}
	const gone = await make();
	gone.objects.delete(batchPath(2));
	const found = await read(gone);
	t.deepEqual(found.shown, [0, 1, 5]);
	t.deepEqual(found.told, [`ObjectMissing ${batchPath(2)}`, "EntryDropped 2", "KeyUnknown 6"]);
});

test("entries that nothing covers which the log has signed are not shown", async (t) => {
	const make = async () => forge([await some(0, 2), await some(2, 1)], signer, keys);
	const store = await make();
	store.objects.delete(checkpointPath(3));
	// Given a round whose checkpoint is gone: its manifest covers it
	t.deepEqual((await read(store)).shown, [0, 1, 2]);
	// When that is another one, then nothing does
	store.objects.set(manifestPath(3), Buffer.from("x"));
	t.deepEqual((await read(store)).shown, [0, 1]);
});
