import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { leafHash } from "../../audit/format/hash.ts";
import { encodeVerifierKey, noteKinds } from "../../audit/format/keys.ts";
import { encodeLeaf } from "../../audit/format/leaf.ts";
import { decodeLine, linesOf } from "../../audit/format/line.ts";
import { consistencyRanges, inclusionRanges } from "../../audit/format/merkle.ts";
import { rangeHashes, tilePath } from "../../audit/format/tiles.ts";
import { emptyTree, grow, rootHash } from "../../audit/format/tree.ts";
import { trustedRoot } from "../../audit/format/trusted-root.ts";
import { checkpointPath } from "../../audit/layout.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { ensureJudges } from "../../dev/judges/judges.ts";
import { temporaryFolder } from "../support/folder.ts";
import { entryOf, origin, signed, signerFor } from "./entries.ts";

// Programs that are not ours judge what we write.

const script = fileURLToPath(new URL("../../audit/auditor/check.sh", import.meta.url));
let binaries = "";
test.before("the judges are built", async (t) => {
	t.timeout(1_200_000);
	binaries = await ensureJudges();
});

/** A trail on the disk: 9 entries in 3 rounds, with the keys of both kinds and a trusted root beside it. */
async function trail(t: ExecutionContext) {
	const entries = signerFor("Entries");
	const signer = signerFor("Checkpoints");
	const store = new MemoryStore();
	const sequencer = await Sequencer.open({ store, origin, signer, keys: initialKeys([entries.publicKey]) });
	for (const [from, count] of [
		[0, 1],
		[1, 5],
		[6, 3],
	] as const) {
		const metadata = { text: 'ä \u2028 "quoted" \\ \u007f' };
		const some = Array.from({ length: count }, (_, at) => signed(entries, entryOf(from + at, { metadata })));
		await sequencer.append(await Promise.all(some));
	}
	const folder = temporaryFolder(t, "trail");
	const write = (key: string, bytes: Buffer | string) => {
		const path = join(folder, key);
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, bytes);
		return path;
	};
	for (const [key, bytes] of store.objects) write(key, bytes);
	const pem = (key: typeof signer.publicKey) => key.export({ type: "spki", format: "pem" }) as string;
	const keys = {
		entry: write("entry.pem", pem(entries.publicKey)),
		log: write("log.pem", pem(signer.publicKey)),
	};
	const root = write(
		"trusted_root.json",
		JSON.stringify(trustedRoot(origin, [{ key: signer.publicKey, from: "2026-01-01T00:00:00Z" }])),
	);
	return { folder, store, signer, keys, root, write };
}

const run = (command: string, args: readonly string[]) => {
	const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
	return { status, output: `${stdout}${stderr}${error ?? ""}` };
};

test("stock cosign takes each entry with its bundle, with nothing but the trusted root; and no other", async (t) => {
	t.timeout(300_000);
	const { folder, keys, root, write } = await trail(t);
	const bundles = readFileSync(join(folder, "bundle/000000000001.ndjson"), "utf8").trimEnd().split("\n");
	const batch = linesOf(readFileSync(join(folder, "batch/000000000001.tsv")));
	const judge = (entry: Buffer | string, bundle: string) =>
		run(join(binaries, "cosign"), [
			...["verify-blob", "--key", keys.entry, "--trusted-root", root],
			...["--bundle", write("one.sigstore.json", bundle), write("one.json", entry)],
		]);
	const [first, second] = batch.map((line) => decodeLine(line).entry as Buffer);
	t.like(judge(first ?? "", bundles[0] ?? ""), { status: 0 }, judge(first ?? "", bundles[0] ?? "").output);
	t.regex(judge(first ?? "", bundles[0] ?? "").output, /Verified OK/);
	t.not(judge(second ?? "", bundles[0] ?? "").status, 0);
	const wrong = JSON.parse(bundles[0] ?? "");
	const proof = wrong.verificationMaterial.tlogEntries[0].inclusionProof;
	proof.hashes[0] = Buffer.alloc(32).toString("base64");
	t.not(judge(first ?? "", JSON.stringify(wrong)).status, 0);
});

test("Go's own libraries take checkpoints and proofs, and no others", async (t) => {
	const { folder, store, signer, write } = await trail(t);
	const judge = (...args: readonly string[]) => run(join(binaries, "tlogcheck"), args);
	const vkey = encodeVerifierKey(origin, noteKinds.ed25519, signer.publicKey);
	const note = join(folder, checkpointPath(9));
	t.like(judge("note", vkey, note), {
		status: 0,
		output: readFileSync(note, "utf8").split("\n\n")[0]?.concat("\n"),
	});
	t.is(judge("note", vkey, write("wrong", readFileSync(note, "utf8").replace("\n9\n", "\n8\n"))).status, 1);
	const leaves = [0, 1, 6].flatMap((at) =>
		linesOf(store.objects.get(`batch/${String(at).padStart(12, "0")}.tsv`) as Buffer).map((line) =>
			encodeLeaf(decodeLine(line)),
		),
	);
	const grown = (some: readonly Buffer[]) =>
		grow(emptyTree, Buffer.concat(some.map((leaf) => leafHash(leaf)))).tree;
	const whole = grown(leaves);
	const read = (tile: Parameters<typeof tilePath>[0]) => store.objects.get(tilePath(tile)) as Buffer;
	const text = (hashes: readonly Buffer[]) => hashes.map((hash) => hash.toString("base64")).join(",");
	const root = rootHash(whole).toString("base64");
	for (const [index, leaf] of leaves.entries()) {
		const proof = text(rangeHashes(inclusionRanges(index, 9), 9, read));
		const file = write("leaf", leaf);
		t.is(judge("record", "9", root, String(index), proof, file).status, 0);
		t.is(judge("record", "9", root, String((index + 1) % 9), proof, file).status, 1);
	}
	for (const size of [1, 3, 6, 8]) {
		const old = rootHash(grown(leaves.slice(0, size))).toString("base64");
		const proof = text(rangeHashes(consistencyRanges(size, 9), 9, read));
		t.is(judge("tree", String(size), old, "9", root, proof).status, 0);
		t.is(judge("tree", String(size), root, "9", root, proof).status, 1);
	}
});

test("the auditor's script takes a trail with openssl, jq and sha256sum alone, and names what is wrong", async (t) => {
	t.timeout(300_000);
	const { folder, keys, write } = await trail(t);
	const judge = async (...indexes: readonly string[]) =>
		promisify(execFile)("bash", [script, folder, origin, keys.entry, keys.log, ...indexes]).then(
			({ stdout }) => ({ status: 0, output: stdout }),
			({ code, stdout, stderr }) => ({ status: code as number, output: `${stdout}${stderr}` }),
		);
	const all = await judge();
	t.is(all.status, 0, all.output);
	t.deepEqual(
		all.output
			.trimEnd()
			.split("\n")
			.map((line) => line.split(",")[0])
			.filter((line) => line?.startsWith("entry")),
		Array.from({ length: 9 }, (_, at) => `entry ${at}: OK`),
	);
	t.is((await judge("4")).output, `entry 4: OK, one of 6 of ${origin}\n`);
	// Each of these is found by it
	const spoil = async (key: string, change: (text: string) => string, words: RegExp) => {
		const path = join(folder, key);
		const before = readFileSync(path, "utf8");
		t.not(change(before), before, key);
		write(key, change(before));
		const { status, output } = await judge("4");
		t.is(status, 1, output);
		t.regex(output, words);
		write(key, before);
	};
	const [batch, bundle] = ["batch/000000000001.tsv", "bundle/000000000001.ndjson"];
	const inBundle =
		(
			change: (value: {
				verificationMaterial: {
					tlogEntries: [
						{
							inclusionProof: Record<string, unknown> & {
								checkpoint: { envelope: string };
								hashes: string[];
							};
						},
					];
				};
			}) => void,
		) =>
		(text: string) => {
			const lines = text.split("\n");
			const value = JSON.parse(lines[3] ?? "");
			change(value);
			return lines.with(3, JSON.stringify(value)).join("\n");
		};
	await spoil(batch, (text) => text.replaceAll("raise", "lower"), /entry 4: its signature is wrong/);
	await spoil(
		bundle,
		(text) =>
			text
				.split("\n")
				.with(3, text.split("\n")[2] ?? "")
				.join("\n"),
		/entry 4: its signature is wrong/,
	);
	await spoil(
		bundle,
		inBundle((value) => {
			value.verificationMaterial.tlogEntries[0].inclusionProof.hashes[0] =
				Buffer.alloc(32).toString("base64");
		}),
		/entry 4: its proof does not lead/,
	);
	await spoil(
		bundle,
		inBundle((value) => {
			const { checkpoint } = value.verificationMaterial.tlogEntries[0].inclusionProof;
			checkpoint.envelope = checkpoint.envelope.replace(/.{10}\n$/, "AAAAAAAAA=\n");
		}),
		/entry 4: the signature of its checkpoint is wrong/,
	);
	await spoil(
		bundle,
		inBundle((value) => {
			value.verificationMaterial.tlogEntries[0].inclusionProof.logIndex = "3";
		}),
		/entry 4: this is the bundle of another entry/,
	);
	await spoil(bundle, (text) => text.split("\n").slice(1).join("\n"), /not as many bundles as entries/);
});
