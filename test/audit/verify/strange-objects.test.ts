import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { batchPath, bundlePath, checkpointPath, manifestPath, numberOf } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { FolderStore } from "../../../audit/store/folder.ts";
import { lastNumbered } from "../../../audit/store/store.ts";
import type { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { forge } from "./forge.ts";

// What somebody puts among the objects of a trail who has no key: it is told under its own name, and nobody is accused of it.

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys };

const some = (from: number, count: number) =>
	Promise.all(Array.from({ length: count }, (_, at) => signed(entries, entryOf(from + at))));
/** Rounds of 2, 8 and 3 entries. */
const make = async () => forge([await some(0, 2), await some(2, 8), await some(10, 3)], signer, keys);
const told = async (store: MemoryStore | FolderStore) =>
	(await verify(store, trust)).findings.map(({ code, object }) => `${code} ${object}`);

test("only a key that ends as it must has a number", (t) => {
	const all = [batchPath(7), bundlePath(7), checkpointPath(7), manifestPath(7)];
	t.deepEqual(all.map(numberOf), [7, 7, 7, 7]);
	const others = ["batch/000000000007", "bundle/000000000007.tsv", "checkpoint/000000000007.tsv"];
	for (const key of [...others, "manifest/0000000000071", "manifest/000000000007/x", "tile/000000000007"]) {
		t.is(numberOf(key), undefined, key);
	}
});

for (const key of [
	...["batch/000000000020", "batch/000000000002", "checkpoint/000000000013.tsv"],
	...[5, 11, 13_000].flatMap((size) => [manifestPath(size), checkpointPath(size)]),
]) {
	test(`an object that no round has written is told under its name, and nothing else is: ${key}`, async (t) => {
		const store = await make();
		for (const content of ["x\n", String(store.objects.get(manifestPath(2)))]) {
			store.objects.set(key, Buffer.from(content));
			t.deepEqual(await told(store), [`ObjectUnexpected ${key}`]);
		}
	});
}

test("where neither checkpoint nor manifest is good nobody is said to have signed other entries", async (t) => {
	// Given a round whose entries are others, with nothing left that the log has signed over them
	const store = await make();
	for (const key of store.objects.keys()) if (key.startsWith("tile/")) store.objects.delete(key);
	store.objects.set(batchPath(2), store.objects.get(batchPath(10)) as Buffer);
	store.objects.set(checkpointPath(10), Buffer.from("x"));
	store.objects.set(manifestPath(10), Buffer.from("x"));
	const found = await told(store);
	t.true(found.includes(`EntryChanged ${batchPath(2)}`), found.join("\n"));
	t.false(
		found.some((one) => one.startsWith("SplitView") && one.includes("000000000010")),
		found.join("\n"),
	);
});

test("the last round is found, whatever somebody puts between", async (t) => {
	const store = await make();
	for (const key of ["manifest/000000000001x", "manifest/00", "manifest/000000000012.tsv"]) {
		store.objects.set(key, Buffer.from("x"));
	}
	t.is(await lastNumbered(store, "manifest/", numberOf), 13);
});

test("a folder in the place of an object is told as what is not there, and all after it is verified", async (t) => {
	const folder = temporaryFolder(t, "trail");
	const store = await make();
	for (const [key, bytes] of store.objects) {
		mkdirSync(dirname(join(folder, key)), { recursive: true });
		writeFileSync(join(folder, key), bytes);
	}
	for (const key of [bundlePath(0), checkpointPath(10)]) {
		rmSync(join(folder, key));
		mkdirSync(join(folder, key));
	}
	writeFileSync(join(folder, bundlePath(10)), "x\n");
	t.deepEqual(await told(new FolderStore(folder)), [
		`ObjectMissing ${bundlePath(0)}`,
		`ObjectMissing ${checkpointPath(10)}`,
		`BundleChanged ${bundlePath(10)}`,
		`ManifestChanged ${bundlePath(10)}`,
	]);
});
