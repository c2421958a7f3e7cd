import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { isAuditError } from "../../audit/error.ts";
import { witnessVerifier } from "../../audit/format/cosignature.ts";
import { encodeVerifierKey, noteKinds, parseVerifierKey } from "../../audit/format/keys.ts";
import { checkpointPath } from "../../audit/layout.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { verify } from "../../audit/verify/verify.ts";
import { witnessAt } from "../../audit/witness.ts";
import { startLitewitness } from "../../dev/judges/litewitness.ts";
import { temporaryFolder } from "../support/folder.ts";
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
) {
	const failures: unknown[] = [];
	const open = () =>
		Sequencer.open({
			...{ store, origin, signer, keys, cosign: witnessAt({ ...witness, timeoutMilliseconds: 10_000 }) },
			onCosignFailed: (error) => {
				failures.push(error);
				t.log(String(error));
			},
		});
	return { store, failures, open };
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
		failures.every((error) => isAuditError(error, "WITNESS", "FORMAT", "FORK")),
		failures.map(String).join("\n"),
	);
	server.closeAllConnections();
	t.throws(() => witnessAt({ url, vkey }), { message: /is a key of a log/ });
});
