import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import test, { type ExecutionContext } from "ava";
import { fetchTrail } from "../../audit/cli/export.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import { FolderStore } from "../../audit/store/folder.ts";
import type { Reading } from "../../audit/store/store.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { verify } from "../../audit/verify/verify.ts";
import { call } from "../audit/cli/call.ts";
import { entryOf, origin, signed, signerFor } from "../audit/entries.ts";
import { heldAt } from "../audit/hold.ts";
import { openStore, realStores } from "../audit/store/stores.ts";
import { temporaryFolder } from "../support/folder.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys, witnesses: [], requireWitnesses: 0 };

/** Appends so many entries at a time, each the next one. */
async function logIn(store: MemoryStore | Parameters<typeof Sequencer.open>[0]["store"]) {
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	let counter = 0;
	return async (count: number) => {
		const from = counter;
		counter += count;
		await sequencer.append(
			await Promise.all(Array.from({ length: count }, (_, at) => signed(entries, entryOf(from + at)))),
		);
	};
}

async function fetched(t: ExecutionContext, reading: Reading, settleMilliseconds: number) {
	const folder = temporaryFolder(t, "export");
	const told: string[] = [];
	const result = await fetchTrail(reading, folder, { settleMilliseconds, tell: (text) => told.push(text) });
	return { folder, told, ...result, ...(await verify(new FolderStore(folder), trust)) };
}

/** A log of two entries and 250 more on their way, held up before the first object like this is written. */
async function held(t: ExecutionContext, prefix: string) {
	const store = new MemoryStore();
	const append = await logIn(store);
	await append(2);
	const { release } = await heldAt(t, store, prefix, () => append(250));
	return { store, release };
}

for (const prefix of ["tile/", "tile/entries/", "checkpoint/", "bundle/", "manifest/"]) {
	test(`a round that ends while the log is fetched is left out; before ${prefix}`, async (t) => {
		// Given a log that is fetched while a round of it is at this object
		const { store, release } = await held(t, prefix);
		const fetching = fetched(t, store, 30_000);
		// When the round ends
		setTimeout(release, 300);
		// Then what was there before is good, and nothing of the round is there
		const { findings, size, later } = await fetching;
		t.deepEqual(findings, []);
		t.is(size, 2);
		t.true(later > 0);
	});

	test(`a round that never ends is fetched, so that it is found; before ${prefix}`, async (t) => {
		const { store } = await held(t, prefix);
		const { findings, later } = await fetched(t, store, 50);
		t.true(findings.length > 0);
		t.is(later, 0);
	});
}

test("a log that grows before each folder is listed, and after, is fetched as it was", async (t) => {
	// Given such a log, of which tiles fill meanwhile
	const store = new MemoryStore();
	const append = await logIn(store);
	await append(200);
	let turn: Promise<unknown> = Promise.resolve();
	const reading: Reading = {
		get: (key) => store.get(key),
		list(prefix, options) {
			const listed = turn.then(async () => {
				await append(40);
				const found = await store.list(prefix, options);
				await append(3);
				return found;
			});
			turn = listed;
			return listed;
		},
	};
	// When it is fetched
	const { findings, size, told } = await fetched(t, reading, 30_000);
	// Then it is good, and all that had ended before is there
	t.deepEqual(findings, []);
	t.is(size, 240);
	t.deepEqual(told, []);
});

test("nothing is written outside of the folder, and each key that leads there is told of", async (t) => {
	// Given a store that lists keys of its own making
	const store = new MemoryStore();
	await (await logIn(store))(2);
	const hostile = ["batch/../../PWN", "tile/", "batch/\u001b[2J\u202e", "tile/0/000.p/2/x"];
	for (const key of hostile) store.objects.set(key, Buffer.from("x"));
	// When it is fetched
	const { folder, told, refused, findings } = await fetched(t, store, 0);
	// Then each is named, on one line that steers nothing, and all else is there
	t.is(refused, hostile.length);
	t.deepEqual(told.toSorted(), [
		'"batch/../../PWN" is no key of a trail: it is not fetched',
		'"batch/\\u001b[2J\\u202e" is no key of a trail: it is not fetched',
		'"tile/" is no key of a trail: it is not fetched',
		'"tile/0/000.p/2/x" is no key of a trail: it is not fetched',
	]);
	t.false(existsSync(join(folder, "../PWN")) || existsSync(join(folder, "../../PWN")));
	t.deepEqual(readdirSync(folder).sort(), ["batch", "bundle", "checkpoint", "manifest", "tile"]);
	t.deepEqual(findings, []);
});

for (const [name, start] of Object.entries(realStores)) {
	test(`${name}: what is fetched of a log that goes on verifies, and what is no key of it ends with 1`, async (t) => {
		t.timeout(600_000);
		// Given a log that grows all the time
		const { server, bucket, admin } = await openStore(t, start);
		const store = await bucket("trail");
		const append = await logIn(store);
		await append(5);
		let goesOn = true;
		let rounds = 0;
		const growing = (async () => {
			for (; goesOn; rounds += 1) await append(7);
		})();
		t.teardown(() => {
			goesOn = false;
			return growing;
		});
		const at = ["--bucket", "trail", "--endpoint", server.url];
		const env = {
			AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
			AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
		};
		for (let turn = 0; turn < 4; turn += 1) {
			// When it is fetched
			const folder = temporaryFolder(t, "export");
			const before = rounds;
			const answer = await call(["export", folder, ...at], env);
			// Then what was fetched is good
			t.is(answer.code, 0, answer.err);
			t.true(rounds > before);
			const { findings, size } = await verify(new FolderStore(folder), trust);
			t.deepEqual(findings, []);
			t.true(size >= 5 + before * 7);
		}
		// And when somebody puts in what is no key of a log, that is said, and the rest is there
		await admin.send(new PutObjectCommand({ Bucket: "trail", Key: "batch/Not ours", Body: "x" }));
		const folder = temporaryFolder(t, "export");
		const odd = await call(["export", folder, ...at], env);
		t.is(odd.code, 1, odd.err);
		t.regex(odd.err, /^"batch\/Not ours" is no key of a trail: it is not fetched$/m);
		t.deepEqual((await verify(new FolderStore(folder), trust)).findings, []);
	});
}
