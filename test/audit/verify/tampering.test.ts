import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import type { Entry } from "../../../audit/entry.ts";
import { encodeNote, parseNote } from "../../../audit/format/note.ts";
import { batchPath, bundlePath, checkpointPath, manifestPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { type FindingCode, findingCodes } from "../../../audit/verify/finding.ts";
import type { VerifyOptions } from "../../../audit/verify/report.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { forge } from "./forge.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys };

const one = (counter: number, rest: Partial<Entry> = {}) => signed(entries, entryOf(counter, rest));
const some = (from: number, count: number) =>
	Promise.all(Array.from({ length: count }, (_, at) => one(from + at)));

/** A log that nobody has touched: rounds of 3, 1, 260 and 2 entries. */
async function good(): Promise<MemoryStore> {
	const store = new MemoryStore();
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	let from = 0;
	for (const count of [3, 1, 250, 10, 2]) {
		for (let left = count; left > 0; left -= 256) {
			const now = Math.min(256, left);
			await sequencer.append(await some(from, now));
			from += now;
		}
	}
	return store;
}

const shared = good();

/** A copy that a test may spoil. */
async function copy(): Promise<MemoryStore> {
	const store = new MemoryStore();
	for (const [key, bytes] of (await shared).objects) store.objects.set(key, Buffer.from(bytes));
	return store;
}

async function codesOf(store: MemoryStore, options?: VerifyOptions): Promise<readonly FindingCode[]> {
	return (await verify(store, trust, options)).findings.map(({ code }) => code);
}

const edit = (store: MemoryStore, key: string, change: (text: string) => string) => {
	const before = String(store.objects.get(key));
	const after = change(before);
	if (before === after) throw new Error(`${key} is as it was`);
	store.objects.set(key, Buffer.from(after));
};
const lines = (text: string) => text.split("\n").slice(0, -1);
const joined = (all: readonly string[]) => all.map((line) => `${line}\n`).join("");

test("a log that nobody has touched is good, and is all read", async (t) => {
	const store = await copy();
	const counted: number[] = [];
	const report = await verify(store, trust, {
		onEntry: (_, index) => counted.push(index),
		at: Date.UTC(2030, 0),
	});
	t.deepEqual(report.findings, []);
	t.is(report.size, 266);
	t.is(report.checkpoints, 5);
	t.deepEqual(
		counted,
		Array.from({ length: 266 }, (_, at) => at),
	);
	t.is((await verify(new MemoryStore(), trust)).size, 0);
});

test("one byte changed, anywhere, in any object, is found", async (t) => {
	t.timeout(120_000);
	const store = await copy();
	for (const [key, bytes] of store.objects) {
		for (const part of [0.01, 0.3, 0.5, 0.77, 0.99]) {
			const at = Math.floor(bytes.length * part);
			const wrong = Buffer.from(bytes);
			wrong[at] = (wrong[at] ?? 0) ^ 1;
			store.objects.set(key, wrong);
			const { findings } = await verify(store, trust);
			t.true(findings.length > 0, `${key}, byte ${at}`);
			t.true(
				findings.some(({ object, message }) => object === key || message.includes(key)),
				`${key}, byte ${at}: ${JSON.stringify(findings[0])}`,
			);
		}
		store.objects.set(key, bytes);
	}
	t.deepEqual(await codesOf(store), []);
});

test("any object that is gone is found, by name", async (t) => {
	t.timeout(120_000);
	const store = await copy();
	for (const [key, bytes] of [...store.objects]) {
		store.objects.delete(key);
		const { findings } = await verify(store, trust);
		t.true(
			findings.some(({ object }) => object === key),
			`${key}: ${JSON.stringify(findings[0])}`,
		);
		store.objects.set(key, bytes);
	}
});

/** What somebody does who can write to the store, or to a copy of it, and has no key. */
const outsiders: Readonly<
	Record<string, readonly [FindingCode, (store: MemoryStore) => void, VerifyOptions?]>
> = {
	"an entry is changed": [
		"EntryChanged",
		(store) => edit(store, batchPath(4), (text) => text.replace("raise", "lower")),
	],
	"an entry is dropped": [
		"EntryDropped",
		(store) => edit(store, batchPath(4), (text) => joined(lines(text).toSpliced(7, 1))),
	],
	"an entry is there twice": [
		"EntryDuplicated",
		(store) => edit(store, batchPath(4), (text) => joined(lines(text).toSpliced(7, 0, lines(text)[7] ?? ""))),
	],
	"a key is longer than any leaf can be": [
		"EntryChanged",
		(store) => edit(store, batchPath(4), (text) => text.replace("\n", `${"A".repeat(80_000)}\n`)),
	],
	"an entry that was never in the log is put in": [
		"EntryInserted",
		(store) =>
			edit(store, batchPath(4), (text) =>
				joined(lines(text).toSpliced(7, 0, (lines(text)[7] ?? "").replace("raise", "nothing"))),
			),
	],
	"two entries change places": [
		"EntriesReordered",
		(store) =>
			edit(store, batchPath(4), (text) =>
				joined(
					lines(text)
						.with(7, lines(text)[8] ?? "")
						.with(8, lines(text)[7] ?? ""),
				),
			),
	],
	"a signature is changed for another good one": [
		"EntryChanged",
		(store) =>
			edit(store, batchPath(0), (text) =>
				text.replace(/\t([^\t]+)\t/, `\t${lines(text)[1]?.split("\t")[1]}\t`),
			),
	],
	"a tile is changed": [
		"TileChanged",
		(store) =>
			edit(store, "tile/0/001.p/8", (text) => `${text.slice(0, -1)}${text.endsWith("\0") ? "1" : "\0"}`),
	],
	"leaves are changed": [
		"LeavesChanged",
		(store) => edit(store, "tile/entries/000", (text) => text.replace("0.0.2", "0.0.3")),
	],
	"a signature of a checkpoint is changed": [
		"CheckpointChanged",
		(store) => edit(store, checkpointPath(4), (text) => text.replace(/AA==\n$|.{4}\n$/, "AAA=\n")),
	],
	"an older checkpoint is in the place of a later one": [
		"CheckpointReplayed",
		(store) => edit(store, checkpointPath(266), () => String(store.objects.get(checkpointPath(254)))),
	],
	"a checkpoint is of another log": [
		"CheckpointOfAnotherLog",
		(store) => edit(store, checkpointPath(4), (text) => text.replace(origin, "other.example")),
	],
	"the signature of a checkpoint is taken away": [
		"CheckpointUnsigned",
		(store) =>
			edit(store, checkpointPath(4), (text) =>
				encodeNote({
					text: parseNote(text).text,
					signatures: [{ name: "x", keyId: Buffer.alloc(4), signature: Buffer.alloc(64) }],
				}),
			),
	],
	"two bundles change places": [
		"BundlesSwapped",
		(store) =>
			edit(store, bundlePath(4), (text) =>
				joined(
					lines(text)
						.with(7, lines(text)[8] ?? "")
						.with(8, lines(text)[7] ?? ""),
				),
			),
	],
	"a bundle is changed": [
		"BundleChanged",
		(store) => edit(store, bundlePath(4), (text) => text.replace('"logIndex":"9"', '"logIndex":"8"')),
	],
	"a manifest is changed": [
		"ManifestChanged",
		(store) => edit(store, manifestPath(254), (text) => text.replace('"versionId":"1"', '"versionId":"2"')),
	],
	"a foreign object is there": [
		"ObjectUnexpected",
		(store) => store.objects.set("batch/000000000005.tsv", Buffer.from("x\n")),
	],
	"the end is cut off, as somebody knows who kept a checkpoint": [
		"Truncated",
		(store) => {
			for (const key of [...store.objects.keys()]) {
				if (/^(checkpoint|manifest)\/000000000266|^(batch|bundle)\/000000000264|\.p\/10$/.test(key))
					store.objects.delete(key);
			}
		},
	],
};

for (const [what, [code, spoil]] of Object.entries(outsiders)) {
	test(`without a key: ${what}`, async (t) => {
		const store = await copy();
		const remembered = [String(store.objects.get(checkpointPath(266)))];
		spoil(store);
		const { findings } = await verify(store, trust, { remembered });
		const [first] = findings;
		t.is(first?.code, code, JSON.stringify(findings.slice(0, 3)));
		t.truthy(first?.object);
		t.truthy(first?.message);
		// And threads find the same, in the same order
		t.deepEqual((await verify(store, trust, { remembered, threads: 2 })).findings, findings);
	});
}

test("another history under the same key is a split view, for whoever kept a checkpoint of the first one", async (t) => {
	// Given two logs that the same key has signed, with one entry that differs
	const common = await some(0, 3);
	const [seen, shown] = [await one(3, { action: "raise" }), await one(3, { action: "nothing" })];
	const first = await forge([common, [seen]], signer, keys);
	const second = await forge([common, [shown, await one(4)]], signer, keys);
	const kept = String(first.objects.get(checkpointPath(4)));
	t.deepEqual(await codesOf(second), []);
	t.deepEqual(await codesOf(second, { remembered: [kept] }), ["SplitView"]);
	t.deepEqual(await codesOf(first, { remembered: [kept] }), []);
	// And one whose checkpoint is not over its own entries
	for (const key of [checkpointPath(4), manifestPath(4)])
		second.objects.set(key, first.objects.get(key) as Buffer);
	t.true((await codesOf(second)).includes("SplitView"));
});

test("where only hashes are verified a change is found, and nobody says more than was looked at", async (t) => {
	const store = await copy();
	const seen: number[] = [];
	const options = { level: "hashes", onEntry: (_: Entry, index: number) => seen.push(index) } as const;
	const report = await verify(store, trust, options);
	t.like(report, { level: "hashes", findings: [], size: 266 });
	t.deepEqual(seen, []);
	for (const key of store.objects.keys()) {
		const bytes = store.objects.get(key) as Buffer;
		const wrong = Buffer.from(bytes);
		wrong[bytes.length >> 1] = (wrong[bytes.length >> 1] ?? 0) ^ 1;
		store.objects.set(key, wrong);
		t.not((await verify(store, trust, options)).findings.length, 0, key);
		store.objects.set(key, bytes);
	}
});

test("what the store promised for too short a time, or not at all, is told of each object", async (t) => {
	// Given a store that promises nothing
	const store = await copy();
	const codes = new Set(await codesOf(store, { retentionSeconds: 60 }));
	t.deepEqual([...codes], ["RetentionMissing"]);
	// And one that promises an hour
	const short = new MemoryStore();
	const until = new Date(Date.now() + 3_600_000).toISOString();
	const promising = {
		get: (key: string) => short.get(key),
		list: short.list.bind(short),
		put: async (key: string, bytes: Buffer) => ({ ...(await short.put(key, bytes)), retainUntil: until }),
	};
	await (await Sequencer.open({ store: promising, origin, signer, keys })).append(await some(0, 3));
	t.deepEqual(await codesOf(short, { retentionSeconds: 3_000 }), []);
	const { findings } = await verify(short, trust, { retentionSeconds: 4_000 });
	t.deepEqual(
		findings.map(({ code, object }) => `${code} ${object}`).toSorted(),
		[batchPath(0), bundlePath(0), checkpointPath(3), "tile/0/000.p/3", "tile/entries/000.p/3"].map(
			(key) => `RetentionShort ${key}`,
		),
	);
});

test("each kind of finding is provoked by a test", (t) => {
	const folder = fileURLToPath(new URL("..", import.meta.url));
	const sources = globSync("**/*.test.ts", { cwd: folder }).map((name) =>
		readFileSync(join(folder, name), "utf8"),
	);
	const isNamed = (code: string) => sources.some((text) => new RegExp(`[". ]${code}\\b`).test(text));
	t.deepEqual(
		Object.keys(findingCodes).filter((code) => !isNamed(code)),
		[],
	);
});

test("each kind has an exit code of its own", (t) => {
	const codes = Object.values(findingCodes);
	t.is(new Set(codes).size, codes.length);
	t.true(codes.every((code) => code > 2 && code < 126));
});
