import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import test from "ava";
import { AuditError, isAuditError } from "../../../audit/error.ts";
import { parseCheckpoint } from "../../../audit/format/checkpoint.ts";
import { leafHash, nodeHash } from "../../../audit/format/hash.ts";
import { keyHint } from "../../../audit/format/keys.ts";
import { encodeLeaf, type Signed } from "../../../audit/format/leaf.ts";
import { parseNote } from "../../../audit/format/note.ts";
import { trustedRoot } from "../../../audit/format/trusted-root.ts";
import { keyAdded, offerKey } from "../../../audit/key-entries.ts";
import { checkpointPath } from "../../../audit/layout.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { stored, world } from "./support.ts";

function naiveRoot(leaves: readonly Buffer[]): Buffer {
	if (leaves.length === 1) return leaves[0] as Buffer;
	let k = 1;
	while (k * 2 < leaves.length) k *= 2;
	return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

test("entries are in the order in which they came, and sigstore's verifier takes the bundle of each", async (t) => {
	// Given a log that grew in rounds of several sizes, past a full tile
	const { entries, signer, store, open, some } = world();
	const sequencer = await open();
	const all: Signed[] = [];
	for (const count of [1, 2, 200, 100, 1]) {
		const more = await some(all.length, count);
		const outcomes = await sequencer.append(more);
		t.deepEqual(
			outcomes,
			more.map((_, at) => ({ kind: "Appended", index: all.length + at })),
		);
		all.push(...more);
	}
	// Then the checkpoint is the hash over the leaves, as RFC 9162 says it
	t.deepEqual(
		stored(store).map(({ entry }) => entry.toString()),
		all.map(({ entry }) => entry.toString()),
	);
	const note = parseNote(String(store.objects.get(checkpointPath(all.length))));
	const { root } = parseCheckpoint(note.text);
	t.deepEqual(root, naiveRoot(all.map((one) => leafHash(encodeLeaf(one)))));
	// And each bundle is good for its entry, with this log as the only thing that is trusted, and for no other
	const rootFile = TrustedRoot.fromJSON(
		trustedRoot(origin, [{ key: signer.publicKey, from: "2026-01-01T00:00:00Z" }]),
	);
	const key = { publicKey: entries.publicKey, validFor: () => true };
	const verifier = new Verifier(
		toTrustMaterial(rootFile, () => key),
		{ timestampThreshold: 0 },
	);
	const bundles = [...store.objects.keys()]
		.filter((name) => name.startsWith("bundle/"))
		.sort()
		.flatMap((name) => String(store.objects.get(name)).trimEnd().split("\n"));
	t.is(bundles.length, all.length);
	for (const at of [0, 1, 2, 150, 255, 256, 302, 303]) {
		const bundle = bundleFromJSON(JSON.parse(bundles[at] ?? ""));
		t.notThrows(() => verifier.verify(toSignedEntity(bundle, Buffer.from(all[at]?.entry ?? ""))), `${at}`);
		t.throws(() =>
			verifier.verify(toSignedEntity(bundle, Buffer.from(all[at + (at === 303 ? -1 : 1)]?.entry ?? ""))),
		);
	}
});

test("an entry that is there already is known, whoever brings it", async (t) => {
	const { open, some } = world();
	const entries = await some(0, 5);
	await (await open()).append(entries);
	const next = await open();
	t.is(next.size, 5);
	const outcomes = await next.append([...entries, ...(await some(5, 1))]);
	t.deepEqual(
		outcomes.map(({ kind }) => kind),
		[...Array(5).fill("Known"), "Appended"],
	);
	t.is(next.size, 6);
});

test("what cannot be in the log is refused in words, and what comes with it is not", async (t) => {
	const { entries, store, open, some } = world();
	const sequencer = await open();
	const [first] = await some(0, 1);
	const [later] = await some(2, 1);
	const stranger = await signed(signerFor("Entries"), entryOf(1));
	const elsewhere = await signed(entries, entryOf(1, { log: "other.example" }));
	const [second] = await some(1, 1);
	const forged = {
		...(second as Signed),
		entry: Buffer.from(String(second?.entry).replace("raise", "lower")),
	};
	const outcomes = await sequencer.append([first, later, stranger, elsewhere, forged, second] as Signed[]);
	t.deepEqual(
		outcomes.map(({ kind }) => kind),
		["Appended", "Refused", "Refused", "Refused", "Refused", "Appended"],
	);
	const words = outcomes.map((one) => (one.kind === "Refused" ? one.why : ""));
	t.regex(words[1] ?? "", /counter 2 of operator came before 1/);
	t.regex(words[2] ?? "", /not one of this log/);
	t.regex(words[3] ?? "", /for the log other\.example/);
	t.regex(words[4] ?? "", /signature is wrong/);
	t.is(stored(store).length, 2);
});

test("a key that is added signs from the next entry on, and not from where it is revoked", async (t) => {
	const { entries, open } = world();
	const next = signerFor("Entries");
	const sequencer = await open();
	const hint = keyHint(next.publicKey);
	const key = { entity: { type: "Key", id: hint } };
	const by = (signer: typeof next, counter: number, rest: object = {}) =>
		signed(
			signer,
			entryOf(counter, { writer: { id: "op", epoch: signer === next ? "2" : "1", counter }, ...rest }),
		);
	const added = keyAdded(await offerKey(next, origin), { actor: { name: "ann" }, justification: "rotation" });
	const kinds = async (...all: readonly Promise<Signed>[]) =>
		(await sequencer.append(await Promise.all(all))).map(({ kind }) => kind);
	t.deepEqual(await kinds(by(next, 0)), ["Refused"]);
	t.deepEqual(await kinds(by(entries, 0, { ...added, metadata: { ...added.metadata, proof: "AAAA" } })), [
		"Refused",
	]);
	t.deepEqual(await kinds(by(entries, 0, added)), ["Appended"]);
	t.deepEqual(await kinds(by(next, 0), by(next, 1)), ["Appended", "Appended"]);
	const revoke = { kind: "KeyRevoked", ...key, metadata: { fromIndex: "2" } };
	t.deepEqual(await kinds(by(entries, 1, revoke)), ["Appended"]);
	t.deepEqual(await kinds(by(next, 2), by(entries, 2)), ["Refused", "Appended"]);
	// It does not come back, and who begins anew knows as much
	t.deepEqual(await kinds(by(entries, 3, added)), ["Appended"]);
	const other = await open();
	t.deepEqual(
		(await other.append([await by(next, 2)])).map(({ kind }) => kind),
		["Refused"],
	);
});

/** Every moment at which a sequencer may end: before and after each write. */
for (const when of ["onPut", "onWritten"] as const) {
	test(`whoever comes after one that ended ${when === "onPut" ? "before" : "after"} any of its writes ends its round`, async (t) => {
		const { store, open, some } = world();
		const first = await some(0, 254);
		const second = await some(254, 5);
		let moments = 0;
		for (let moment = 0; ; moment += 1) {
			store.objects.clear();
			await (await open()).append(first);
			// Given one that ends at this moment
			const victim = await open();
			let writes = 0;
			store[when] = () => {
				writes += 1;
				if (writes > moment) throw new AuditError("STORE", "killed");
			};
			const end = await victim.append(second).catch((error: unknown) => error);
			store[when] = () => {};
			if (!(end instanceof AuditError)) break;
			moments += 1;
			// When another one comes, and the writer hands its entries over again
			const next = await open();
			await next.append(second);
			// Then each is there once, and the log is the one that there would have been
			t.is(next.size, 259, `moment ${moment}`);
			const there = stored(store).map(({ entry }) => entry.toString());
			t.deepEqual(
				there,
				[...first, ...second].map(({ entry }) => entry.toString()),
			);
			const { root } = parseCheckpoint(parseNote(String(store.objects.get(checkpointPath(259)))).text);
			t.deepEqual(root, naiveRoot([...first, ...second].map((one) => leafHash(encodeLeaf(one)))));
			t.is((await open()).size, 259);
		}
		t.true(moments >= 8, `${moments} moments`);
	});
}

test("of two sequencers one has the place, and the other is told", async (t) => {
	const { store, open, some } = world();
	const [a, b] = [await open(), await open()];
	await a.append(await some(0, 3, "a"));
	const error = await t.throwsAsync(b.append(await some(0, 3, "b")));
	t.true(isAuditError(error, "FENCED"));
	const again = await open();
	await again.append(await some(0, 3, "b"));
	t.is(again.size, 6);
	t.is(stored(store).length, 6);
});

test("two sequencers at the same moment, again and again: no number is used twice and nothing is lost", async (t) => {
	const { store, open, some } = world();
	const work = async (writer: string) => {
		let sequencer = await open();
		for (let at = 0; at < 30; ) {
			try {
				await sequencer.append(await some(at, 3, writer));
				at += 3;
			} catch (error) {
				if (!isAuditError(error, "FENCED")) throw error;
				sequencer = await open();
			}
		}
	};
	store.onPut = () => new Promise((resolve) => setImmediate(resolve));
	await Promise.all([work("a"), work("b"), work("c")]);
	const counters = new Map<string, number[]>();
	for (const { entry } of stored(store)) {
		const { writer } = JSON.parse(entry.toString());
		counters.set(writer.id, [...(counters.get(writer.id) ?? []), writer.counter]);
	}
	const expected = Array.from({ length: 30 }, (_, at) => at);
	for (const writer of ["a", "b", "c"]) t.deepEqual(counters.get(writer), expected, writer);
	t.is((await open()).size, 90);
});

test("a witness that does not answer holds nothing up, and is told of", async (t) => {
	const { open, some } = world();
	const failures: unknown[] = [];
	const cosign = () => Promise.reject(new AuditError("WITNESS", "away"));
	const sequencer = await open({ cosign, onCosignFailed: (error: unknown) => failures.push(error) });
	t.deepEqual(await sequencer.append(await some(0, 1)), [{ kind: "Appended", index: 0 }]);
	t.is(failures.length, 1);
});
