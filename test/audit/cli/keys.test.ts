import { createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { keyHint } from "../../../audit/format/keys.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { keySigner, newKey } from "../../../audit/signer.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { TestTrail } from "../../support/trail.ts";
import { origin, signerFor } from "../entries.ts";
import { call } from "./call.ts";

/** A log with a key for entries in a file, behind the process that keeps it, and a new key in another file. */
async function world(t: ExecutionContext) {
	const folder = temporaryFolder(t, "keys");
	const file = (name: string, content: string) => {
		writeFileSync(join(folder, name), content);
		return join(folder, name);
	};
	const pair = (name: string) => {
		const key = createPrivateKey(newKey("Entries"));
		const pem = createPublicKey(key).export({ type: "spki", format: "pem" }) as string;
		return {
			signer: keySigner(key),
			path: file(`${name}.pem`, key.export({ type: "pkcs8", format: "pem" }) as string),
			publicPath: file(`${name}.pub.pem`, pem),
		};
	};
	const [old, next] = [pair("old"), pair("new")];
	const checkpoints = signerFor("Checkpoints");
	const keys = initialKeys([old.signer.publicKey]);
	const trail = await TestTrail.start(t, { origin, signer: checkpoints, keys });
	const pem = checkpoints.publicKey.export({ type: "spki", format: "pem" }) as string;
	const spool = join(folder, "spool");
	const by = (key: string) => [
		...["--origin", origin, "--record-to", trail.url, "--spool", spool],
		...["--signer", key, "--justification", "yearly rotation"],
	];
	const verified = () => {
		const copy = temporaryFolder(t, "copy");
		for (const [key, bytes] of trail.store.objects) {
			mkdirSync(dirname(join(copy, key)), { recursive: true });
			writeFileSync(join(copy, key), bytes);
		}
		const trusted = ["--log-key", file("log.pem", pem), "--entry-key", old.publicPath];
		return (command: readonly string[]) =>
			call([...command, "--trail", copy, "--origin", origin, ...trusted]);
	};
	return { folder, file, old, next, trail, spool, by, verified };
}

test("that a trail was verified is an entry of the log, good or not; where that fails it is told", async (t) => {
	t.timeout(120_000);
	// Given a log with an entry
	const { file, old, next, trail, spool, by, verified } = await world(t);
	const offered = await call(["offer", next.path, "--origin", origin]);
	await call(["add-key", file("offer.json", offered.out), ...by(old.path)]);
	const recorded = ["--record-to", trail.url, "--spool", spool, "--signer", old.path];
	const ask = verified();
	// When it is verified, and that is to be recorded
	const good = await ask(["verify", ...recorded]);
	t.is(good.code, 0, good.err);
	t.regex(good.out, /^GOOD/);
	t.regex(good.err, /entry 1 says that it was verified/);
	// Then the log says who did it, and what came out
	const last = trail.entries().at(-1);
	t.like(last, { kind: "Verification", action: "verify", actor: { via: "tradingsafety-audit" } });
	t.like(last?.metadata, { outcome: "Good", level: "signatures", findings: "0", size: "1" });
	// When what was kept is not in it, then the log says that
	const kept = file("kept", "no checkpoint at all\n");
	const bad = await ask(["verify", "--checkpoint", kept, ...recorded]);
	t.is(bad.code, 52, bad.err);
	t.like(trail.entries().at(-1)?.metadata, { outcome: "NotGood", findings: "1" });
	t.regex(trail.entries().at(-1)?.metadata?.first ?? "", /CheckpointChanged/);
	// When the log does not take it
	const away = ["--record-to", "http://127.0.0.1:1", "--spool", spool, "--signer", old.path];
	const told = await ask(["verify", ...away]);
	t.is(told.code, 1);
	t.regex(told.out, /^GOOD/);
	t.regex(told.err, /that it was verified is not recorded: .*127\.0\.0\.1:1/);
	t.is((await ask(["verify", "--record-to", trail.url])).code, 2);
});

test("a key is offered where it is, added by the old one, and revokes that: each an entry of the log, and the trail is good", async (t) => {
	t.timeout(120_000);
	const { file, old, next, trail, spool, by, verified } = await world(t);
	t.is((await call(["public", next.path])).out, readFileSync(next.publicPath, "utf8"));
	const offered = await call(["offer", next.path, "--origin", origin, "--not-after", "2036-01-01T00:00:00Z"]);
	t.is(offered.code, 0, offered.err);
	const offer = file("offer.json", offered.out);
	// When the old key adds it, and it revokes the old one
	const added = await call(["add-key", offer, ...by(old.path)]);
	t.is(added.out, `entry 0: key ${keyHint(next.signer.publicKey)} signs from entry 1 on\n`, added.err);
	const revoked = await call(["revoke-key", old.publicPath, ...by(next.path)]);
	t.is(
		revoked.out,
		`entry 1: key ${keyHint(old.signer.publicKey)} signs nothing from entry 2 on\n`,
		revoked.err,
	);
	// Then the log says so, with who and why, and a verifier that knows only the first key takes all of it
	t.deepEqual(
		trail.entries().map(({ kind, justification, actor }) => [kind, justification, actor.via]),
		[
			["KeyAdded", "yearly rotation", "tradingsafety-audit"],
			["KeyRevoked", "yearly rotation", "tradingsafety-audit"],
		],
	);
	const ask = verified();
	t.regex((await ask(["verify"])).out, /^GOOD\n2 entries/);
	// And what proves an entry of the new key comes with that
	const proof = await ask(["prove", "1", "--out", temporaryFolder(t, "proof")]);
	const [, key = ""] = /cosign verify-blob --key (\S+)/.exec(proof.out) ?? [];
	t.is(readFileSync(key, "utf8"), readFileSync(next.publicPath, "utf8"), proof.out + proof.err);
	// And the old key changes nothing any more, and leaves nothing behind
	const late = await call(["add-key", offer, ...by(old.path)]);
	t.is(late.code, 1);
	t.regex(late.err, /the log log\.example refuses it: its key .* is revoked at index 2/);
	t.deepEqual(readdirSync(spool), []);
	t.is(trail.entries().length, 2);
});

test("what became of an entry is found out by the next call, where nobody answered", async (t) => {
	t.timeout(120_000);
	const { file, old, next, trail, spool, by } = await world(t);
	const offer = file("offer.json", (await call(["offer", next.path, "--origin", origin])).out);
	trail.mood = "Refuses";
	const failed = await call(["add-key", offer, ...by(old.path)]);
	t.is(failed.code, 1);
	t.regex(failed.err, /did not take the entries: 503 not now/);
	t.true(existsSync(join(spool, "key-entry")));
	trail.mood = "Takes";
	const told = await call(["add-key", offer, ...by(old.path)]);
	t.is(told.code, 1);
	t.regex(told.err, /held what an earlier call had written, which is entry 0 now/);
	t.is(trail.entries().length, 1);
	t.deepEqual(readdirSync(spool), []);
});

test("what is wrong with a key or its offer is one line that names the file and the remedy", async (t) => {
	t.timeout(120_000);
	const { file, old, next, trail, by } = await world(t);
	const said = async (code: number, ...args: readonly string[]) => {
		const answer = await call(args);
		t.is(answer.code, code, JSON.stringify([args, answer]));
		t.is(answer.err.trimEnd().split("\n").length, 1, answer.err);
		return answer.err;
	};
	const offered = (await call(["offer", next.path, "--origin", origin])).out;
	const changed = JSON.stringify({ ...JSON.parse(offered), notAfter: "2099-01-01T00:00:00Z" });
	t.regex(await said(1, "public", "/nowhere.pem"), /\/nowhere\.pem holds no private key in PEM/);
	t.regex(await said(1, "public", file("text.pem", "text")), /text\.pem holds no private key in PEM/);
	t.regex(await said(1, "public", old.publicPath), /old\.pub\.pem holds no private key in PEM/);
	t.regex(
		await said(1, "offer", file("log-key.pem", newKey("Checkpoints")), "--origin", origin),
		/entries need a P-256 key/,
	);
	t.regex(await said(1, "public", "pkcs11:token=a;object=b"), /names no key in a token: module-path needs/);
	t.regex(
		await said(1, "public", `pkcs11:token=a;object=b?module-path=/nowhere.so&pin-source=/pin`),
		/key b in token a: \/nowhere\.so \(module-path\) is no PKCS #11 library/,
	);
	t.regex(await said(2, "offer", next.path), /for which log\? give --origin/);
	t.regex(
		await said(1, "add-key", file("none.json", "{}"), ...by(old.path)),
		/none\.json: it is no offer of a key: make one with/,
	);
	t.regex(
		await said(1, "add-key", file("bad.json", "x"), ...by(old.path)),
		/bad\.json: it is no offer of a key: make one with/,
	);
	t.regex(
		await said(1, "add-key", file("changed.json", changed), ...by(old.path)),
		/changed\.json: it was not offered to the log log\.example by whoever has its private half/,
	);
	const other = (await call(["offer", next.path, "--origin", "other.example"])).out;
	t.regex(
		await said(1, "add-key", file("other.json", other), ...by(old.path)),
		/offers a key to the log other\.example, not to log\.example/,
	);
	const options = by(old.path);
	for (const [at, words] of [
		[2, /who keeps the trail\? give --record-to/],
		[4, /where is it kept .*give --spool/],
		[6, /which key of the log signs it\? give --signer/],
		[8, /why\? give --justification/],
	] as const) {
		const without = options.filter((_, place) => place !== at && place !== at + 1);
		t.regex(await said(2, "revoke-key", old.publicPath, ...without), words);
	}
	t.regex(
		await said(1, "revoke-key", next.publicPath, ...options),
		/refuses it: entry 0 revokes a key that is not there/,
	);
	t.is(trail.entries().length, 0);
});
