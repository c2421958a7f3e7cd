import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import test, { type ExecutionContext } from "ava";
import { batchPath, checkpointPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { newKey } from "../../../audit/signer.ts";
import type { Store } from "../../../audit/store/store.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { findingCodes } from "../../../audit/verify/finding.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { openStore, realStores } from "../store/stores.ts";
import { call } from "./call.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");

async function fill(store: Store): Promise<void> {
	const sequencer = await Sequencer.open({ store, origin, signer, keys: initialKeys([entries.publicKey]) });
	for (const [from, count] of [
		[0, 2],
		[2, 4],
	] as const) {
		const some = Array.from({ length: count }, (_, at) =>
			signed(entries, entryOf(from + at, { actor: { name: (from + at) % 2 === 0 ? "ann" : "bob" } })),
		);
		await sequencer.append(await Promise.all(some));
	}
}

/** A trail in a folder, and the options that say what is trusted. */
async function trail(t: ExecutionContext) {
	const store = new MemoryStore();
	await fill(store);
	const folder = temporaryFolder(t, "trail");
	for (const [key, bytes] of store.objects) {
		mkdirSync(dirname(join(folder, key)), { recursive: true });
		writeFileSync(join(folder, key), bytes);
	}
	return { folder, ...trusted(t) };
}

function trusted(t: ExecutionContext) {
	const keys = temporaryFolder(t, "keys");
	const file = (name: string, content: string) => {
		writeFileSync(join(keys, name), content);
		return join(keys, name);
	};
	const pem = (key: typeof signer.publicKey) => key.export({ type: "spki", format: "pem" }) as string;
	const trust = [
		...["--origin", origin, "--log-key", file("log.pem", pem(signer.publicKey))],
		...["--entry-key", file("entry.pem", pem(entries.publicKey))],
	];
	return { trust, file };
}

test("a good trail is said to be good, and can be looked at", async (t) => {
	const { folder, trust } = await trail(t);
	const ask = (...args: readonly string[]) => call([...args, "--trail", folder, ...trust]);
	const good = await ask("verify");
	t.like(good, { code: 0, err: "" });
	t.regex(good.out, /^GOOD\n6 entries under 2 checkpoints, root .*=\nwitnesses: none\n$/);
	t.like(JSON.parse((await ask("verify", "-o", "json")).out), { good: true, size: 6, findings: [] });
	const hashes = await ask("verify", "--level", "hashes");
	t.is(hashes.code, 0);
	t.regex(hashes.out, /^HASHES ARE GOOD: .*\. NOT verified: signatures, /);
	t.like(JSON.parse((await ask("verify", "--level", "hashes", "-o", "json")).out), { level: "hashes" });
	t.is((await ask("timeline", "--level", "hashes")).code, 2);
	t.like(JSON.parse((await ask("show", "3")).out), { index: 3, action: "raise", writer: { counter: 3 } });
	t.is((await ask("timeline")).out.trimEnd().split("\n").length, 6);
	t.regex(
		(await ask("timeline")).out,
		/ {2}Transition raise Normal -> Emergency {2}TradingSafety desk-a\/desk {2}by ann\n/,
	);
	t.is((await ask("who", "bob")).out.trimEnd().split("\n").length, 3);
	t.regex((await ask("gaps")).out, /^operator {2}1 {2}0 to 5, none missing; .*, not ended\n$/);
	const then = JSON.parse((await ask("at", "2026-01-01T00:00:02Z", "-o", "json")).out);
	t.like(then, { index: 2, after: { generation: 3 } });
	t.regex(
		(await ask("report", "--format", "csv", "--from", "2026-01-01T00:00:00Z")).out,
		/^"# log","log\.example"\r\n.*"0","2026-01-01T00:00:00\.000000Z","Transition"/s,
	);
	t.regex((await ask("report")).out, /^<!doctype html>.*<h2>Modes \(6\)<\/h2>/s);
	const out = temporaryFolder(t, "proof");
	const proof = await ask("prove", "4", "--out", out);
	t.is(proof.code, 0);
	t.regex(
		proof.out,
		/entry 4 of 6 .*\ncosign verify-blob --key .* --bundle .*4\.sigstore\.json .*4\.json\n$/s,
	);
	t.is(JSON.parse(readFileSync(join(out, "4.json"), "utf8")).writer.counter, 4);
	t.is((await ask("verify", "--checkpoint", join(folder, checkpointPath(2)))).code, 0);
});

test("what is wrong has a code of its own, and is named", async (t) => {
	const { folder, trust } = await trail(t);
	const path = join(folder, batchPath(2));
	const before = readFileSync(path, "utf8");
	writeFileSync(path, before.replace("raise", "lower"));
	const wrong = await call(["verify", "--trail", folder, ...trust]);
	t.is(wrong.code, findingCodes.EntryChanged);
	t.regex(wrong.out, /^NOT GOOD: \d+ findings\nEntryChanged \(20\) {2}entry 2, batch\/000000000002\.tsv: /);
	t.is((await call(["timeline", "--trail", folder, ...trust])).code, findingCodes.EntryChanged);
	writeFileSync(path, before);
	// A trail whose end is cut off is found by whoever kept a checkpoint
	const kept = temporaryFolder(t, "kept");
	writeFileSync(join(kept, "checkpoint"), readFileSync(join(folder, checkpointPath(6))));
	for (const key of [
		batchPath(2),
		checkpointPath(6),
		"bundle/000000000002.ndjson",
		"manifest/000000000006",
		"tile/0/000.p/6",
		"tile/entries/000.p/6",
	]) {
		rmSync(join(folder, key));
	}
	t.is((await call(["verify", "--trail", folder, ...trust])).code, 0);
	const cut = await call(["verify", "--trail", folder, ...trust, "--checkpoint", join(kept, "checkpoint")]);
	t.is(cut.code, findingCodes.Truncated);
	const quiet = await call(["verify", "--trail", folder, ...trust, "--require-witness", "1"]);
	t.is(quiet.code, findingCodes.WitnessMissing);
});

test("bad input is one clear line with the remedy, and code 2 or 1", async (t) => {
	const { folder, trust, file } = await trail(t);
	const said = async (code: number, ...args: readonly string[]) => {
		const answer = await call(args);
		t.is(answer.code, code, JSON.stringify([args, answer]));
		t.is(answer.err.trimEnd().split("\n").length, 1, answer.err);
		return answer.err;
	};
	const at = ["--trail", folder];
	t.regex(await said(2, "guess"), /there is no command "guess"/);
	t.regex(await said(2, "verify", ...trust), /where is the trail\? give --trail DIR or --bucket NAME/);
	t.regex(await said(2, "verify", "--trail", "/nowhere", ...trust), /\/nowhere is no folder/);
	t.regex(await said(2, "verify", "--trail", temporaryFolder(t, "empty"), ...trust), /holds no trail/);
	t.regex(await said(2, "verify", ...at), /which log is it\? give --origin/);
	t.regex(await said(2, "show", ...at, ...trust), /show needs one operand/);
	t.regex(await said(2, "report", ...at, ...trust, "--format", "pdf"), /--format can be html, csv, ndjson/);
	t.regex(await said(2, "at", "noon", ...at, ...trust), /must be a time like/);
	t.regex(await said(2, "verify", ...at, ...trust, "--checkpoint", "/nowhere"), /\/nowhere cannot be read/);
	t.regex(await said(1, "show", "99", ...at, ...trust), /there is no entry 99: the trail has 6/);
	t.regex(await said(1, "prove", "99", ...at, ...trust), /there is no entry 99/);
	const key = file(
		"wrong.pem",
		createPublicKey(createPrivateKey(newKey("Entries"))).export({ type: "spki", format: "pem" }) as string,
	);
	t.regex(
		await said(1, "verify", ...at, "--origin", origin, "--log-key", key, "--entry-key", key),
		/wrong\.pem is not the public key.*Ed25519/,
	);
	t.regex(
		await said(1, "verify", ...at, ...trust, "--entry-key", file("text.pem", "no key")),
		/text\.pem is not the public key/,
	);
	t.regex(await said(1, "verify", ...at, ...trust, "--witness", "w+00000000+AAAA"), /is no verifier key/);
	t.is((await call(["--help"])).code, 0);
});

test("keys are made for their owner alone, and never over others", async (t) => {
	const folder = join(temporaryFolder(t, "made"), "keys");
	t.is((await call(["keys", folder])).code, 0);
	t.is(statSync(join(folder, "entries.pem")).mode & 0o777, 0o600);
	t.is(createPrivateKey(readFileSync(join(folder, "entries.pem"))).asymmetricKeyType, "ec");
	t.is(createPrivateKey(readFileSync(join(folder, "checkpoints.pem"))).asymmetricKeyType, "ed25519");
	const before = readFileSync(join(folder, "entries.pem"), "utf8");
	t.is((await call(["keys", folder])).code, 1);
	t.is(readFileSync(join(folder, "entries.pem"), "utf8"), before);
});

for (const [name, start] of Object.entries(realStores)) {
	test(`${name}: doctor finds it good, a trail is fetched from it and verified, and read in place`, async (t) => {
		t.timeout(600_000);
		const { server, bucket, admin } = await openStore(t, start);
		const store = await bucket("trail");
		await fill(store);
		const at = ["--bucket", "trail", "--endpoint", server.url];
		const env = {
			AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
			AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
		};
		const { trust } = trusted(t);
		const folder = temporaryFolder(t, "export");
		const fetched = await call(["export", folder, ...at], env);
		t.is(fetched.code, 0, fetched.err);
		for (const where of [["--trail", folder], at]) {
			const answer = await call(["verify", ...where, ...trust, "--retention", "60"], env);
			t.is(answer.code, 0, answer.out + answer.err);
			t.regex(answer.out, /GOOD\n6 entries/);
		}
		t.like(await call(["verify", ...at, ...trust, "--deep"], env), { code: 0 });
		// When somebody hides an object, and writes another one anew
		const key = { Bucket: "trail", Key: batchPath(2) };
		await admin.send(new PutObjectCommand({ ...key, Body: "forged" }));
		await admin.send(new DeleteObjectCommand({ Bucket: "trail", Key: checkpointPath(2) }));
		// Then what was there first is what is verified, and a deep look tells of both
		t.is((await call(["verify", ...at, ...trust], env)).code, 0);
		const deep = await call(["verify", ...at, ...trust, "--deep", "-o", "json"], env);
		const { findings } = JSON.parse(deep.out) as { findings: { code: string; object: string }[] };
		t.true(findings.some(({ code, object }) => code === "SecondVersion" && object === batchPath(2)));
		t.true(findings.some(({ code, object }) => code === "DeleteMarker" && object === checkpointPath(2)));
		t.deepEqual(
			findings.filter(({ code }) => code.startsWith("Retention")),
			[],
		);
		const health = await call(["doctor", ...at], env);
		t.is(health.code, 0, health.out + health.err);
		t.regex(health.out, /^ok {6}an object with a COMPLIANCE retention/);
		t.true(health.out.trimEnd().split("\n").length >= 10);
		// And a bucket without locks is none for this
		await bucket("open", false);
		const open = await call(["doctor", "--bucket", "open", "--endpoint", server.url], env);
		t.is(open.code, 1);
		t.regex(open.out, /^FAILED {2}an object with a COMPLIANCE retention.*(Object Lock|WORM|lock)/);
	});
}
