import { execFile } from "node:child_process";
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { noteKinds, rawEd25519 } from "../../audit/format/keys.ts";
import { noteKeyHash, parseNote } from "../../audit/format/note.ts";
import { checkpointPath, manifestPath } from "../../audit/layout.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { parseManifest } from "../../audit/log/manifest.ts";
import { type Cosign, Sequencer } from "../../audit/log/sequencer.ts";
import { newKey } from "../../audit/signer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { ensureJudges } from "../../dev/judges/judges.ts";
import { auditorFolder, blocks, pem, script } from "./auditor-folder.ts";
import { entryOf, origin, signed, signerFor } from "./entries.ts";

// The commands of docs/auditor.md, as they stand there.

let binaries = "";
test.before("cosign is built", async (t) => {
	t.timeout(1_200_000);
	binaries = await ensureJudges();
});

const witness = createPrivateKey(newKey("Checkpoints"));

/** A witness with a clock of its own; what litewitness does is tried in witness.test.ts. */
const cosign: Cosign = async (_head, note) => {
	const name = "witness.example";
	const time = Buffer.alloc(8);
	time.writeBigUInt64BE(1_800_000_000n);
	const message = Buffer.from(`cosignature/v1\ntime 1800000000\n${parseNote(note).text}`);
	const keyId = noteKeyHash(name, noteKinds.cosignature, rawEd25519(createPublicKey(witness))).subarray(0, 4);
	return [{ name, keyId, signature: Buffer.concat([time, sign(null, message, witness)]) }];
};

/** What an auditor is given: two writers with a key each, nine entries in three rounds. */
async function given(t: ExecutionContext) {
	const [first, second, signer] = [signerFor("Entries"), signerFor("Entries"), signerFor("Checkpoints")];
	const store = new MemoryStore();
	const keys = initialKeys([first.publicKey, second.publicKey]);
	const sequencer = await Sequencer.open({ store, origin, signer, keys, cosign });
	for (const [from, count] of [
		[0, 1],
		[1, 5],
		[6, 3],
	] as const) {
		const some = Array.from({ length: count }, (_, at) => {
			const isSecond = from + at === 7;
			const writer = isSecond ? { id: "sidecar", epoch: "1", counter: 0 } : undefined;
			const counter = from + at > 7 ? from + at - 1 : from + at;
			const rest = { metadata: { text: 'ä \u2028 "quoted" \\ \u007f %s' }, ...(writer && { writer }) };
			return signed(isSecond ? second : first, entryOf(counter, rest));
		});
		await sequencer.append(await Promise.all(some));
	}
	const { folder, write, read } = auditorFolder(t, store, {
		entries: [first.publicKey, second.publicKey],
		log: signer.publicKey,
	});
	write("witness.pem", pem(createPublicKey(witness)));
	write("kept", store.objects.get(checkpointPath(6)) ?? "");
	cpSync(script, join(folder, "check.sh"));
	return { folder, write, read };
}

/** Runs blocks of the page in one shell, which ends with the first command that fails; the result is the output of each. */
function run(folder: string): Promise<{ readonly code: number; readonly outputs: readonly string[] }> {
	const text = ["set -eu", ...blocks].join("\necho '=== next'\n");
	const env = { ...process.env, PATH: `${binaries}:${process.env.PATH}` };
	return new Promise((resolve) => {
		execFile("bash", ["-c", `exec 2>&1\n${text}`], { cwd: folder, env }, (error, out) =>
			resolve({
				code: error === null ? 0 : Number(error.code),
				outputs: out.split("=== next\n").slice(1),
			}),
		);
	});
}

test("an auditor who runs the page finds a good trail good, step by step", async (t) => {
	t.timeout(600_000);
	const { folder, read } = await given(t);
	const { code, outputs } = await run(folder);
	t.is(code, 0, outputs.join("\n=== next\n"));
	const [setting, entries, extract, root, cosigned, all, grown, seen, missing, keys] = outputs;
	t.is(outputs.length, 10);
	t.is(`${setting}${extract}${root}${missing}${keys}`, "");
	t.is(entries?.trimEnd().split("\n").length, 9);
	t.regex(entries ?? "", /^2026-01-01T00:00:00\.000000Z\tTransition\traise\tsystem:/);
	t.regex(cosigned ?? "", /^Verified OK\n$/);
	const said = all
		?.trimEnd()
		.split("\n")
		.map((line) => line.split(",")[0]);
	const ok = (at: number) => `entry ${at}: OK`;
	const round = (size: number) => [`checkpoint ${size}: OK`, `manifest ${size}: OK`];
	t.deepEqual(said, [
		...[ok(0), ...round(1), ...[1, 2, 3, 4, 5].map(ok), ...round(6)],
		...[...[6, 7, 8].map(ok), ...round(9)],
	]);
	t.regex(grown ?? "", /^log\.example\n9\n/);
	t.regex(seen ?? "", /^Signature Verified Successfully\nseen by the witness at 2027-01-15T08:00:00Z\n$/);
	t.is(JSON.parse(read("entry.json")).writer.counter, 4);
	t.is(read("kept"), read("trail/checkpoint/000000000009"));
});

/** What somebody does to the trail, which step finds it, and with which words. */
const tampered: Readonly<
	Record<string, readonly [number, RegExp, (place: Awaited<ReturnType<typeof given>>) => void]>
> = {
	"the entry is changed": [
		4,
		/invalid signature/,
		({ read, write }) => {
			const lines = read("trail/batch/000000000001.tsv").split("\n");
			write(
				"trail/batch/000000000001.tsv",
				lines.with(3, (lines[3] ?? "").replace("raise", "lower")).join("\n"),
			);
		},
	],
	"another entry is changed": [
		5,
		/entry 7: its signature is wrong\nentry 7: nothing behind it can be checked/,
		({ read, write }) => {
			const lines = read("trail/batch/000000000006.tsv").split("\n");
			write(
				"trail/batch/000000000006.tsv",
				lines.with(1, (lines[1] ?? "").replace("raise", "lower")).join("\n"),
			);
		},
	],
	"a writer's key is none that is trusted": [
		5,
		/entry 7: its key is none of those that are trusted/,
		({ read, write }) =>
			write(
				"entry-keys.pem",
				`${read("entry-keys.pem").split("-----END PUBLIC KEY-----\n")[0]}-----END PUBLIC KEY-----\n`,
			),
	],
	"a batch is taken out": [
		5,
		/batch 000000000001: entries before it are missing/,
		({ folder }) => rmSync(join(folder, "trail/batch/000000000000.tsv")),
	],
	"the end is cut off": [
		5,
		/the last checkpoint is of 9 entries, and 6 are there: was the end cut off\?/,
		({ folder }) => {
			for (const name of ["batch/000000000006.tsv", "bundle/000000000006.ndjson"])
				rmSync(join(folder, "trail", name));
		},
	],
	"the end is cut off with its checkpoint": [
		6,
		/cmp: .*No such file/,
		({ folder, read, write }) => {
			write("kept", read("trail/checkpoint/000000000009"));
			const { objects } = parseManifest(parseNote(read(`trail/${manifestPath(9)}`)).text);
			for (const key of [manifestPath(9), ...objects.map((one) => one.key)])
				rmSync(join(folder, "trail", key));
		},
	],
	"a checkpoint is over another tree": [
		5,
		/checkpoint 6: no key of the log has signed it/,
		({ read, write }) =>
			write("trail/checkpoint/000000000006", read("trail/checkpoint/000000000006").replace("\n6\n", "\n5\n")),
	],
	"the log was made anew since the last visit": [
		6,
		/kept .* differ/,
		({ read, write }) => write("kept", read("kept").replace(/.{8}\n$/, "AAAAAAA=\n")),
	],
	"the witness has not signed": [
		7,
		/Signature Verification Failure|value too great|Error/i,
		({ write }) =>
			write("witness.pem", signerFor("Checkpoints").publicKey.export({ type: "spki", format: "pem" })),
	],
};
for (const [what, [step, words, tamper]] of Object.entries(tampered)) {
	test(`an auditor who runs the page finds it where ${what}`, async (t) => {
		t.timeout(600_000);
		const place = await given(t);
		tamper(place);
		const { code, outputs } = await run(place.folder);
		t.not(code, 0, outputs.join("\n=== next\n"));
		t.is(outputs.length - 1, step, outputs.join("\n=== next\n"));
		t.regex(outputs.at(-1) ?? "", words);
	});
}

test("an entry that a writer has not handed over is missed by the page", async (t) => {
	t.timeout(600_000);
	const place = await given(t);
	const counted = blocks.find((block) => block.includes("MISSING")) ?? "";
	const lines = place.read("trail/batch/000000000001.tsv").split("\n");
	place.write("trail/batch/000000000001.tsv", lines.toSpliced(2, 1).join("\n"));
	const out = await new Promise<string>((resolve) =>
		execFile("bash", ["-c", counted], { cwd: place.folder }, (_, text) => resolve(text)),
	);
	t.is(out, "MISSING: operator, epoch 1: 1 entries\n");
});
