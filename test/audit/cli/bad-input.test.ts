import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { encodeEntry } from "../../../audit/entry.ts";
import { spkiOf } from "../../../audit/format/keys.ts";
import type { Signed } from "../../../audit/format/leaf.ts";
import { batchPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { findingCodes } from "../../../audit/verify/finding.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { openStore, realStores } from "../store/stores.ts";
import { forge } from "../verify/forge.ts";
import { call } from "./call.ts";

// What people get wrong: each is one line that names the thing and what to do, and a code that says whose fault it is.

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);

function trusted(t: ExecutionContext): readonly string[] {
	const folder = temporaryFolder(t, "keys");
	const file = (name: string, key: typeof signer.publicKey) => {
		writeFileSync(join(folder, name), key.export({ type: "spki", format: "pem" }));
		return join(folder, name);
	};
	const [log, entry] = [file("log.pem", signer.publicKey), file("entry.pem", entries.publicKey)];
	return ["--origin", origin, "--log-key", log, "--entry-key", entry];
}

for (const [name, start] of Object.entries(realStores)) {
	test(`${name}: a bucket that is none, or none of a trail, and wrong credentials are one line with the remedy`, async (t) => {
		t.timeout(600_000);
		const { server, bucket } = await openStore(t, start);
		await bucket("empty");
		await bucket("open", false);
		const store = await bucket("trail");
		const sequencer = await Sequencer.open({ store, origin, signer, keys });
		await sequencer.append([await signed(entries, entryOf(0))]);
		const trust = trusted(t);
		const { accessKeyId, secretAccessKey } = server.credentials;
		const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
		const none = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
		const at = (bucketName: string, endpoint = server.url) => [
			"--bucket",
			bucketName,
			"--endpoint",
			endpoint,
		];
		const said = async (code: number, args: readonly string[], other: NodeJS.ProcessEnv = {}) => {
			const answer = await call(args, { AWS_EC2_METADATA_DISABLED: "true", ...env, ...other });
			t.is(answer.code, code, JSON.stringify([args, answer]));
			t.is(answer.err.trimEnd().split("\n").length, 1, answer.err);
			t.false((answer.out + answer.err).includes(secretAccessKey));
			return answer.err + answer.out;
		};
		const verify = (...where: readonly string[]) => ["verify", ...where, ...trust];
		t.regex(
			await said(1, verify(...at("nowhere"))),
			/bucket nowhere: .*\(is there such a bucket, made with Object Lock\?\)/,
		);
		// Nothing is no good trail, wherever it is
		for (const where of ["empty", "open"]) {
			t.regex(
				await said(1, verify(...at(where))),
				new RegExp(`bucket ${where} at http.* holds no trail: is it the right one`),
			);
		}
		t.regex(
			await said(1, [...verify(...at("empty")), "--deep"]),
			/bucket empty at .* holds no trail: is it the right one\n$/,
		);
		t.regex(
			await said(1, ["export", join(temporaryFolder(t, "export"), "a"), ...at("empty")]),
			/bucket empty holds no trail/,
		);
		t.regex(
			await said(1, verify(...at("trail")), { AWS_SECRET_ACCESS_KEY: "wrong" }),
			/bucket trail: .*right credentials/,
		);
		t.regex(
			await said(1, verify(...at("trail")), { AWS_ACCESS_KEY_ID: "wrong" }),
			/bucket trail: .*right credentials/,
		);
		t.regex(await said(1, verify(...at("trail")), none), /give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/);
		t.regex(
			await said(2, verify(...at("trail")), { AWS_SECRET_ACCESS_KEY: undefined }),
			/belong together: one of them is missing/,
		);
		t.regex(
			await said(1, verify(...at("trail", "http://127.0.0.1:9"))),
			/127\.0\.0\.1:9, bucket trail: .*does the store run there/,
		);
		t.regex(
			await said(2, verify(...at("trail", "localhost:9000"))),
			/--endpoint must be like https:\/\/HOST:PORT, got "localhost:9000"/,
		);
		t.regex(await said(1, ["doctor", ...at("nowhere")]), /^FAILED .*bucket nowhere.*is there such a bucket/);
		t.regex(await said(1, ["doctor", ...at("open")]), /^FAILED .*bucket open.*Object Lock/);
		t.regex(
			await said(1, ["doctor", ...at("trail")], { AWS_SECRET_ACCESS_KEY: "wrong" }),
			/^FAILED .*right credentials/,
		);
		// What was fetched before is not written over
		const folder = temporaryFolder(t, "export");
		t.is((await call(["export", folder, ...at("trail")], env)).code, 0);
		t.is((await call(["export", folder, ...at("trail")], env)).code, 0);
		writeFileSync(join(folder, batchPath(0)), "mine");
		t.regex(
			await said(2, ["export", folder, ...at("trail")]),
			/batch\/000000000000\.tsv is there already with other bytes: name another folder/,
		);
		t.is(readFileSync(join(folder, batchPath(0)), "utf8"), "mine");
		writeFileSync(join(folder, "file"), "");
		t.regex(
			await said(2, ["export", join(folder, "file"), ...at("trail")]),
			/file\/batch\/0+\.tsv cannot be written/,
		);
	});
}

test("what answers and is no store is no good trail", async (t) => {
	const server = createServer((_request, response) => {
		response.writeHead(200, { "content-type": "text/html" }).end("<html>welcome</html>");
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const env = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
	const answer = await call(["verify", "--bucket", "trail", "--endpoint", url, ...trusted(t)], env);
	t.is(answer.code, 1, answer.out);
	t.regex(
		answer.err,
		/^tradingsafety-audit: bucket trail at http.* holds no trail: is it the right one.*\n$/,
	);
});

const raw = async (text: string): Promise<Signed> => {
	const entry = Buffer.from(text);
	return { entry, signature: await entries.sign(entry), key: spkiOf(entries.publicKey) };
};
const text = encodeEntry(entryOf(1)).toString();

/** Entries that cannot be, as somebody with both keys writes them. */
const impossible: Readonly<Record<string, readonly [string, keyof typeof findingCodes, RegExp]>> = {
	"over 60 kB": [
		text.replace('"action":"raise"', `"action":"${"x".repeat(60_000)}"`),
		"EntryNotCanonical",
		/an entry of \d+ bytes/,
	],
	"with half a surrogate pair": [
		text.replace('"action":"raise"', '"action":"\\ud800"'),
		"EntryMalformed",
		/no canonical JSON: .*surrogate/,
	],
	"with NaN": [text.replace('"counter":1', '"counter":NaN'), "EntryNotCanonical", /this is no JSON: /],
	"with a number that is none of an entry": [
		text.replace('"counter":1', '"counter":1.5'),
		"EntryMalformed",
		/\/writer\/counter/,
	],
};
for (const [what, [bad, code, words]] of Object.entries(impossible)) {
	test(`an entry ${what} in a trail is named by its index`, async (t) => {
		const store = await forge([[await signed(entries, entryOf(0)), await raw(bad)]], signer, keys);
		const folder = temporaryFolder(t, "trail");
		for (const [key, bytes] of store.objects) {
			mkdirSync(dirname(join(folder, key)), { recursive: true });
			writeFileSync(join(folder, key), bytes);
		}
		const answer = await call(["verify", "--trail", folder, ...trusted(t)]);
		t.is(answer.code, findingCodes[code], answer.out + answer.err);
		const [, first = ""] = answer.out.split("\n");
		t.true(first.startsWith(`${code} (${findingCodes[code]})  entry 1, batch/000000000000.tsv: `), first);
		t.regex(first, words);
	});
}
