import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import { isAuditError } from "../../audit/error.ts";
import { witnessVerifier } from "../../audit/format/cosignature.ts";
import { encodeVerifierKey, logVerifier, noteKinds, parseVerifierKey } from "../../audit/format/keys.ts";
import { encodeNote, parseNote } from "../../audit/format/note.ts";
import { checkpointPath } from "../../audit/layout.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import { newKey } from "../../audit/signer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { findingCodes } from "../../audit/verify/finding.ts";
import { verify } from "../../audit/verify/verify.ts";
import { witnessAt } from "../../audit/witness.ts";
import { startLitewitness } from "../../dev/judges/litewitness.ts";
import { temporaryFolder } from "../support/folder.ts";
import { call } from "./cli/call.ts";
import { entryOf, origin, signed, signerFor } from "./entries.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const vkey = encodeVerifierKey(origin, noteKinds.ed25519, signer.publicKey);
const some = (from: number, count: number, action = "raise") =>
	Promise.all(Array.from({ length: count }, (_, at) => signed(entries, entryOf(from + at, { action }))));

function logWith(
	t: ExecutionContext,
	witness: { readonly url: string; readonly vkey: string },
	store = new MemoryStore(),
	timeoutMilliseconds = 10_000,
) {
	const failures: unknown[] = [];
	const open = () =>
		Sequencer.open({
			...{ store, origin, signer, keys, cosign: witnessAt({ ...witness, timeoutMilliseconds }) },
			onCosignFailed: (error) => {
				failures.push(error);
				t.log(String(error));
			},
		});
	return { store, failures, open };
}

/** What the command line says of this log to somebody who has its keys. */
async function asAuditor(t: ExecutionContext, store: MemoryStore, options: readonly string[]) {
	const folder = temporaryFolder(t, "copy");
	const write = (name: string, bytes: Buffer | string) => {
		mkdirSync(dirname(join(folder, name)), { recursive: true });
		writeFileSync(join(folder, name), bytes);
		return join(folder, name);
	};
	for (const [key, bytes] of store.objects) write(`trail/${key}`, bytes);
	const pem = (key: typeof signer.publicKey) => key.export({ type: "spki", format: "pem" }) as string;
	const trusted = ["--log-key", write("log.pem", pem(signer.publicKey))];
	const first = ["--entry-key", write("entry.pem", pem(entries.publicKey))];
	return call(["verify", "--trail", join(folder, "trail"), ...trusted, ...first, ...options]);
}

test("a real witness cosigns each checkpoint, also for whoever comes after, and refuses another history", async (t) => {
	t.timeout(1_200_000);
	const witness = await startLitewitness(join(temporaryFolder(t, "witness"), "w"), { origin, vkey });
	t.teardown(() => witness.stop());
	const { store, failures, open } = logWith(t, witness);
	// Given rounds of a log, by two sequencers one after the other
	const first = await open();
	await first.append(await some(0, 1));
	await first.append(await some(1, 300 - 45));
	const second = await open();
	await second.append(await some(256, 7));
	t.deepEqual(failures, []);
	// Then whoever knows the witness's key sees its signature with a time, on each checkpoint
	const { name, key } = parseVerifierKey(witness.vkey);
	const trust = {
		origin,
		logKeys: [signer.publicKey],
		keys,
		witnesses: [witnessVerifier(name, key)],
		requireWitnesses: 1,
	};
	const report = await verify(store, trust);
	t.deepEqual(report.findings, []);
	t.is(report.witnesses[0]?.name, "witness.example");
	t.true(Math.abs((report.witnesses[0]?.at ?? 0) - Date.now() / 1_000) < 120);
	// When the same key signs another history, then the witness refuses, the log goes on, and the verifier misses it
	const forked = logWith(t, witness);
	const other = await forked.open();
	await other.append(await some(0, 256, "nothing"));
	await other.append(await some(256, 10, "nothing"));
	t.true(forked.failures.length > 0);
	t.true(forked.failures.every((error) => isAuditError(error, "FORK")));
	const forkedReport = await verify(forked.store, trust);
	t.deepEqual(
		forkedReport.findings.map(({ code }) => code),
		["WitnessMissing"],
	);
	// And what the witness has signed shows the fork to whoever kept it
	const kept = String(store.objects.get(checkpointPath(256)));
	const codes = (await verify(forked.store, trust, { remembered: [kept] })).findings.map(({ code }) => code);
	t.true(codes.includes("SplitView"));
});

test("while the witness is away the log goes on and says so; when it is back the next checkpoint covers all that it missed", async (t) => {
	t.timeout(1_200_000);
	const witness = await startLitewitness(join(temporaryFolder(t, "witness"), "w"), { origin, vkey });
	t.teardown(() => witness.stop());
	// Given a real witness behind a line that can be cut, or go silent
	let line = "Up";
	const server = createServer(async (request, response) => {
		if (line === "Cut") request.socket.destroy();
		if (line !== "Up") return;
		const body = Buffer.concat(await request.toArray());
		const answer = await fetch(`${witness.url}${request.url}`, { method: "POST", body });
		response.writeHead(answer.status).end(await answer.text());
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const { store, failures, open } = logWith(t, { url, vkey: witness.vkey }, new MemoryStore(), 8_000);
	const sequencer = await open();
	const trust = ["--origin", origin, "--witness", witness.vkey, "--require-witness", "1"];
	const verified = () => asAuditor(t, store, trust);
	await sequencer.append(await some(0, 3));
	t.like(await verified(), { code: 0 });
	// When it is away, then each round ends all the same, is told of with the address, and misses the cosignature
	const away: readonly (readonly [string, RegExp])[] = [
		["Cut", /does not answer/],
		["Silent", /does not answer: .*timeout/],
	];
	for (const [at, [how, words]] of away.entries()) {
		line = how;
		const before = performance.now();
		t.is((await sequencer.append(await some(3 + at, 1)))[0]?.kind, "Appended");
		t.true(performance.now() - before < 60_000);
		t.is(failures.length, at + 1);
		t.true(isAuditError(failures[at], "WITNESS"));
		t.true(String(failures[at]).includes(`${url}/add-checkpoint`));
		t.regex(String(failures[at]), words);
		const { code, out } = await verified();
		t.is(code, findingCodes.WitnessMissing);
		t.regex(out, /WitnessMissing \(58\) {2}checkpoint\/0+\d: 0 of 1 witnesses have signed it/);
	}
	// When it is back, then also whoever comes after gets the next one cosigned
	line = "Up";
	const next = await open();
	await next.append(await some(5, 1));
	t.is(failures.length, 2);
	const { code, out } = await verified();
	t.is(code, 0, out);
	t.regex(out, /witnesses: witness\.example at \d{4}-/);
	// And a cosignature counts only for whoever trusts that witness
	const stranger = encodeVerifierKey("w.example", noteKinds.cosignature, signerFor("Checkpoints").publicKey);
	const other = ["--origin", origin, "--witness", stranger, "--require-witness", "1"];
	t.is((await asAuditor(t, store, other)).code, findingCodes.WitnessMissing);
});

test("a witness that answers nonsense, with another key, or not at all holds nothing up", async (t) => {
	const stranger = encodeVerifierKey("w.example", noteKinds.cosignature, signerFor("Checkpoints").publicKey);
	const answers = [
		{ status: 500, text: "broken" },
		{ status: 404, text: "unknown log" },
		{ status: 200, text: "nonsense" },
		{ status: 200, text: `— other.example ${Buffer.alloc(76, 1).toString("base64")}\n` },
		{ status: 409, text: "what" },
	];
	const server = createServer((_request, response) => {
		const { status, text } = answers.shift() ?? { status: 500, text: "" };
		response.writeHead(status).end(text);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.teardown(() => server.close());
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const { failures, open } = logWith(t, { url, vkey: stranger });
	const sequencer = await open();
	for (let at = 0; at < 5; at += 1) t.is((await sequencer.append(await some(at, 1)))[0]?.kind, "Appended");
	t.is(failures.length, 5);
	t.true(
		failures.every((error) => isAuditError(error, "WITNESS") && error.message.includes(url)),
		failures.map(String).join("\n"),
	);
	server.closeAllConnections();
	t.throws(() => witnessAt({ url, vkey }), { message: /is a key of a log/ });
});

test("a witness that adds lines of others to its own does not spoil the checkpoint", async (t) => {
	// Given a witness that signs, and adds a wrong line of the log's own name
	const own = createPrivateKey(newKey("Checkpoints"));
	const key = createPublicKey(own);
	const evil = logVerifier(origin, signer.publicKey).keyId;
	const server = createServer(async (request, response) => {
		const [, note = ""] = (await text(request)).split(/\n\n(.*)/s);
		const time = Buffer.alloc(8);
		time.writeBigUInt64BE(1_800_000_000n);
		const message = `cosignature/v1\ntime 1800000000\n${parseNote(note).text}`;
		const signature = Buffer.concat([time, sign(null, Buffer.from(message), own)]);
		const { keyId } = witnessVerifier("w.example", key);
		const lines = [
			{ name: "w.example", keyId, signature },
			{ name: origin, keyId: evil, signature: Buffer.alloc(64, 1) },
		];
		response.writeHead(200).end(encodeNote({ text: "", signatures: lines }).slice(1));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const vkeyOfWitness = encodeVerifierKey("w.example", noteKinds.cosignature, key);
	const { store, failures, open } = logWith(t, { url, vkey: vkeyOfWitness });
	await (await open()).append(await some(0, 2));
	t.deepEqual(failures, []);
	// Then the checkpoint is good, and has the two lines that it is to have
	const options = ["--origin", origin, "--witness", vkeyOfWitness, "--require-witness", "1"];
	const { code, out } = await asAuditor(t, store, options);
	t.is(code, 0, out);
	t.is(parseNote(String(store.objects.get(checkpointPath(2)))).signatures.length, 2);
});
