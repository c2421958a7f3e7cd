import { generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { examineProof } from "../../../audit/cli/examine-proof.ts";
import { findProof } from "../../../audit/cli/prove.ts";
import { isAuditError } from "../../../audit/error.ts";
import { spkiOf } from "../../../audit/format/keys.ts";
import { batchPath, bundlePath, checkpointPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { type FindingCode, findingCodes } from "../../../audit/verify/finding.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { forge } from "../verify/forge.ts";
import { call } from "./call.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys, witnesses: [], requireWitnesses: 0 };

/** Entries 0 to 2, 3 to 5, and as many more as are wanted. */
async function logOf(more = 0): Promise<MemoryStore> {
	const store = new MemoryStore();
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	for (let from = 0; from < 6 + more; from += from < 6 ? 3 : 150) {
		const count = from < 6 ? 3 : 150;
		await sequencer.append(
			await Promise.all(Array.from({ length: count }, (_, at) => signed(entries, entryOf(from + at)))),
		);
	}
	return store;
}

/** What comes out for entry 4; as text: why it was not found. */
async function outcome(store: MemoryStore, rest: object = {}): Promise<string> {
	try {
		const examined = examineProof(await findProof(store, 4), { ...trust, ...rest });
		if (examined.kind === "Good") return "Good";
		const { code, index, object } = examined.finding;
		return `${code} ${index} ${object}`;
	} catch (error) {
		if (!isAuditError(error, "MISSING", "FORMAT")) throw error;
		return error.message;
	}
}

test("each entry of a good log is proven, with its key", async (t) => {
	const store = await logOf(450);
	for (const index of [0, 2, 3, 5, 6, 155, 156, 255, 256, 455]) {
		const examined = examineProof(await findProof(store, index), trust);
		t.is(examined.kind, "Good", `${index}`);
		if (examined.kind !== "Good") continue;
		t.like(JSON.parse(examined.parts.entry.toString()), { writer: { counter: index } });
		t.deepEqual(spkiOf(examined.key), spkiOf(entries.publicKey));
	}
});

const batch = batchPath(3);
const bundle = bundlePath(3);
const checkpoint = checkpointPath(6);
const line = (at: number, edit: (text: string) => string) => (text: string) =>
	text
		.split("\n")
		.map((one, place) => (place === at ? edit(one) : one))
		.join("\n");
const swapped = (text: string) => {
	const [a, b, c, ...rest] = text.split("\n");
	return [a, c, b, ...rest].join("\n");
};

/** How an object is changed, and what is found then. */
const changes: readonly (readonly [string, string, (text: string) => string, FindingCode])[] = [
	["a word of the entry", batch, line(1, (one) => one.replace("Emergency", "Normal!!!")), "EntryChanged"],
	["its signature", batch, line(1, (one) => one.replace(/\tMEU?[A-Z]/, "\tMEQX")), "EntryChanged"],
	["its key, to none", batch, line(1, (one) => one.replace(/\t[^\t]*$/, "\tQUJD")), "EntryChanged"],
	["its key, to no base64", batch, line(1, (one) => one.replace(/\t[^\t]*$/, "\t!")), "EntryChanged"],
	["the line, to none", batch, line(1, () => "{}"), "EntryChanged"],
	["the order of entries", batch, swapped, "EntryChanged"],
	["the order of bundles", bundle, swapped, "BundlesSwapped"],
	["the bundle, to none", bundle, line(1, () => "{}"), "BundleChanged"],
	["the bundle, to no JSON", bundle, line(1, () => "x"), "BundleChanged"],
	["its proof", bundle, line(1, (one) => one.replace(/"hashes":\["./, '"hashes":["/')), "BundleChanged"],
	[
		"its proof, away",
		bundle,
		line(1, (one) => one.replace(/"hashes":\[[^\]]*/, '"hashes":[')),
		"BundleChanged",
	],
	["its hint", bundle, line(1, (one) => one.replace(/"hint":"./, '"hint":"/')), "BundleChanged"],
	["its body", bundle, line(1, (one) => one.replace(/Body":"...../, 'Body":"AAAAA')), "BundleChanged"],
	[
		"its index",
		bundle,
		line(1, (one) => one.replaceAll('"logIndex":"4"', '"logIndex":"3"')),
		"BundleChanged",
	],
	["its log", bundle, line(1, (one) => one.replace(/"keyId":"./, '"keyId":"/')), "BundleChanged"],
	["the root", checkpoint, line(2, (one) => `AAAA${one.slice(4)}`), "CheckpointChanged"],
	["its text, to none", checkpoint, () => "x", "CheckpointChanged"],
	["the signature on it", checkpoint, (text) => text.replace(/^— .*/m, ""), "CheckpointChanged"],
];
for (const [what, object, change, code] of changes) {
	test(`somebody changed ${what}: ${code}`, async (t) => {
		// Given a log of which an object was changed
		const store = await logOf();
		const before = String(store.objects.get(object));
		const after = change(before);
		t.not(after, before);
		store.objects.set(object, Buffer.from(after));
		// Then that is what is named, and where
		t.is(await outcome(store), `${code} 4 ${object}`);
	});
}

test("a checkpoint of another size, key, or log, or without a witness that is asked for, proves nothing", async (t) => {
	const store = await logOf();
	t.is(await outcome(store), "Good");
	const other = signerFor("Checkpoints");
	t.is(await outcome(store, { logKeys: [other.publicKey] }), `CheckpointUnsigned 4 ${checkpoint}`);
	t.is(await outcome(store, { origin: "other.example" }), `CheckpointOfAnotherLog 4 ${checkpoint}`);
	t.is(await outcome(store, { requireWitnesses: 1 }), `WitnessMissing 4 ${checkpoint}`);
	store.objects.set(checkpoint, store.objects.get(checkpointPath(3)) ?? Buffer.alloc(0));
	t.is(await outcome(store), `CheckpointReplayed 4 ${checkpoint}`);
});

test("what the log itself took in against its rules is no proven entry", async (t) => {
	// Given a log whose keeper wrote entries that no writer signed, or that are for another log
	const wrong = await signed(entries, entryOf(4));
	const forged = { ...wrong, entry: Buffer.from(wrong.entry.toString().replace("raise", "lower")) };
	const large = generateKeyPairSync("ec", { namedCurve: "P-384" });
	const byOther = {
		...wrong,
		signature: sign("sha256", wrong.entry, large.privateKey),
		key: spkiOf(large.publicKey),
	};
	const others: readonly (readonly [typeof wrong, FindingCode])[] = [
		[forged, "SignatureWrong"],
		[await signed(entries, entryOf(4, { log: "other.example" })), "EntryOfAnotherLog"],
		[{ ...wrong, key: Buffer.from("ABC") }, "SignatureWrong"],
		[byOther, "KeyUnknown"],
	];
	const first = await Promise.all([0, 1, 2].map((at) => signed(entries, entryOf(at))));
	for (const [one, code] of others) {
		const store = await forge([first, [await signed(entries, entryOf(3)), one]], signer, keys);
		t.is(await outcome(store), `${code} 4 ${batch}`);
	}
});

test("no byte of an entry, its bundle or its checkpoint can be changed", async (t) => {
	const store = await logOf();
	const spans = [batch, bundle, checkpoint].map((key) => {
		const bytes = store.objects.get(key) ?? Buffer.alloc(0);
		const begin = key === checkpoint ? 0 : bytes.indexOf("\n") + 1;
		return { key, bytes, begin, end: key === checkpoint ? bytes.length : bytes.indexOf("\n", begin) + 1 };
	});
	await fc.assert(
		fc.asyncProperty(
			fc.nat(2),
			fc.double({ min: 0, max: 0.9999, noNaN: true }),
			fc.integer({ min: 1, max: 255 }),
			async (which, at, by) => {
				const { key, bytes, begin, end } = spans[which] as (typeof spans)[number];
				const changed = Buffer.from(bytes);
				const place = begin + Math.floor(at * (end - begin));
				changed[place] = (changed[place] ?? 0) ^ by;
				store.objects.set(key, changed);
				const said = await outcome(store);
				store.objects.set(key, bytes);
				return said !== "Good";
			},
		),
		{ numRuns: 400 },
	);
	t.is(await outcome(store), "Good");
});

async function inFolder(t: ExecutionContext) {
	const folder = temporaryFolder(t, "trail");
	for (const [key, bytes] of (await logOf()).objects) {
		mkdirSync(dirname(join(folder, key)), { recursive: true });
		writeFileSync(join(folder, key), bytes);
	}
	const own = temporaryFolder(t, "keys");
	const file = (name: string, key: typeof signer.publicKey) => {
		writeFileSync(join(own, name), key.export({ type: "spki", format: "pem" }));
		return join(own, name);
	};
	const at = ["--trail", folder, "--origin", origin];
	const trusted = [
		...["--log-key", file("log.pem", signer.publicKey)],
		...["--entry-key", file("entry.pem", entries.publicKey)],
	];
	return { folder, at, trusted };
}

test("prove names what is wrong, ends with its code, and writes nothing then", async (t) => {
	// Given a trail in a folder, of which somebody changed an entry
	const { folder, at, trusted } = await inFolder(t);
	const out = join(temporaryFolder(t, "proof"), "made");
	const prove = (index: string, ...more: readonly string[]) =>
		call(["prove", index, "--out", out, ...at, ...trusted, ...more]);
	const path = join(folder, batch);
	writeFileSync(path, readFileSync(path, "utf8").replace("Emergency", "Normal!!!"));
	// When it is to be proven
	const answer = await prove("3");
	// Then there is one line, and no files
	t.is(answer.code, findingCodes.EntryChanged);
	t.is(answer.out, "");
	t.regex(
		answer.err,
		/^NOT GOOD, nothing was written: EntryChanged \(20\) {2}entry 3, batch\/000000000003\.tsv: its bytes are not those that checkpoint\/000000000006 covers\n$/,
	);
	t.throws(() => readdirSync(out), { code: "ENOENT" });
	// And another entry of the same batch is proven
	t.like(await prove("4"), { code: 0, err: "" });
	t.deepEqual(readdirSync(out).sort(), ["4.json", "4.sigstore.json", "trusted_root.json"]);
});

test("prove needs keys, and a folder to write to", async (t) => {
	const { folder, at, trusted } = await inFolder(t);
	const said = async (code: number, ...args: readonly string[]) => {
		const answer = await call(["prove", "4", ...args]);
		t.is(answer.code, code, answer.out + answer.err);
		t.is(answer.err.trimEnd().split("\n").length, 1, answer.err);
		return answer.err;
	};
	t.regex(await said(2, ...at), /who signs its checkpoints\? give --log-key/);
	t.regex(await said(2, ...at, ...trusted.slice(0, 2)), /who signs its first entries\? give --entry-key/);
	const file = join(folder, "file");
	writeFileSync(file, "");
	for (const out of [file, join(file, "x")]) {
		t.regex(
			await said(2, ...at, ...trusted, "--out", out),
			/file.*4\.json cannot be written, name another folder with --out: /,
		);
	}
	t.is(readFileSync(file, "utf8"), "");
});
