import {
	DeleteObjectCommand,
	GetObjectRetentionCommand,
	PutObjectCommand,
	PutObjectRetentionCommand,
} from "@aws-sdk/client-s3";
import test from "ava";
import { isAuditError } from "../../../audit/error.ts";
import { numberOf } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { lastNumbered } from "../../../audit/store/store.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { openStore, realStores, retentionSeconds } from "./stores.ts";

for (const [name, start] of Object.entries(realStores)) {
	test(`${name}: what is written stays, whoever wants otherwise`, async (t) => {
		t.timeout(600_000);
		const { admin, bucket, reach, server } = await openStore(t, start);
		const store = await bucket("worm");
		// When an object is written, then the store holds it, locked, and says so itself
		const bytes = Buffer.from("what happened");
		const written = await store.put("batch/000000000000.tsv", bytes);
		t.deepEqual(await store.get(written.key), bytes);
		const at = { Bucket: "worm", Key: written.key, VersionId: written.versionId };
		const { Retention } = await admin.send(new GetObjectRetentionCommand(at));
		t.is(Retention?.Mode, "COMPLIANCE");
		const left = (Retention?.RetainUntilDate?.getTime() ?? 0) - Date.now();
		t.true(left > (retentionSeconds - 60) * 1_000 && left <= retentionSeconds * 1_000);
		// And the same again is no error, something else is another leader
		t.like(await store.put(written.key, bytes), { versionId: written.versionId, sha256: written.sha256 });
		t.true(isAuditError(await t.throwsAsync(store.put(written.key, Buffer.from("other"))), "FENCED"));
		// And nobody deletes it or shortens its lock, with every right
		await t.throwsAsync(admin.send(new DeleteObjectCommand({ ...at, BypassGovernanceRetention: true })));
		const soon = new Date(Date.now() + 1_000);
		const shorter = { ...at, Retention: { Mode: "COMPLIANCE", RetainUntilDate: soon } } as const;
		await t.throwsAsync(admin.send(new PutObjectRetentionCommand(shorter)));
		// When somebody puts a later version over it, and deletes that, then the first one is read all the same
		await admin.send(new PutObjectCommand({ Bucket: "worm", Key: written.key, Body: "forged" }));
		t.deepEqual(await store.get(written.key), bytes);
		await admin.send(new DeleteObjectCommand({ Bucket: "worm", Key: written.key }));
		t.deepEqual(await store.get(written.key), bytes);
		// And what is not there is not there
		t.is(await store.get("batch/nothing"), undefined);
		// Bad input: each is one clear error that names the thing
		const say = async (act: Promise<unknown>) => {
			const error = await t.throwsAsync(act);
			t.true(isAuditError(error, "STORE", "WORM"), String(error));
			return error?.message ?? "";
		};
		t.regex(
			await say(reach("nowhere").put("a", bytes)),
			/bucket nowhere: a was not written.*is there such a bucket/,
		);
		t.regex(await say((await bucket("open", false)).put("a", bytes)), /open.*Object Lock/);
		const wrong = { ...server.credentials, secretAccessKey: "wrong" };
		t.regex(
			await say(reach("worm", { credentials: wrong }).put("b", bytes)),
			/bucket worm: .*right credentials/,
		);
		const away = reach("worm", { endpoint: "http://127.0.0.1:9", callMilliseconds: 2_000 });
		t.regex(
			await say(away.put("b", bytes)),
			/127\.0\.0\.1:9, bucket worm: b was not written, or nobody knows/,
		);
	});

	test(`${name}: of many that write the same key one has it`, async (t) => {
		t.timeout(600_000);
		const { bucket, reach } = await openStore(t, start);
		await bucket("race");
		// Some stores are slow where several want the same.
		const store = reach("race", { callMilliseconds: 60_000 });
		for (let round = 0; round < 5; round += 1) {
			const key = `batch/${String(round).padStart(12, "0")}.tsv`;
			const outcomes = await Promise.allSettled(
				Array.from({ length: 4 }, (_, at) => store.put(key, Buffer.from(`writer ${at}`))),
			);
			const winners = outcomes.flatMap((one, at) => (one.status === "fulfilled" ? [at] : []));
			t.is(winners.length, 1);
			t.is(String(await store.get(key)), `writer ${winners[0]}`);
			for (const one of outcomes) {
				if (one.status === "rejected") t.true(isAuditError(one.reason, "FENCED"), String(one.reason));
			}
		}
		t.is(await lastNumbered(store, "batch/", numberOf), 4);
	});

	test(`${name}: a log grows in it, and two sequencers fence each other`, async (t) => {
		t.timeout(600_000);
		const { bucket } = await openStore(t, start);
		const store = await bucket("log");
		const entries = signerFor("Entries");
		const options = {
			store,
			origin,
			signer: signerFor("Checkpoints"),
			keys: initialKeys([entries.publicKey]),
		};
		const some = (writer: string, from: number, count: number) =>
			Promise.all(
				Array.from({ length: count }, (_, at) =>
					signed(entries, entryOf(from + at, { writer: { id: writer, epoch: "1", counter: from + at } })),
				),
			);
		const [a, b] = [await Sequencer.open(options), await Sequencer.open(options)];
		await a.append(await some("a", 0, 255));
		t.true(isAuditError(await t.throwsAsync(b.append(await some("b", 0, 1))), "FENCED"));
		const again = await Sequencer.open(options);
		await again.append(await some("b", 0, 3));
		t.is((await Sequencer.open(options)).size, 258);
	});
}

test("the last of many numbered objects is found with few calls", async (t) => {
	const store = new MemoryStore();
	t.is(await lastNumbered(store, "manifest/", numberOf), undefined);
	let lists = 0;
	const counting = {
		...store,
		get: store.get.bind(store),
		list: (...args: Parameters<typeof store.list>) => {
			lists += 1;
			return store.list(...args);
		},
	};
	let number = 1;
	for (const step of [1, 1, 3, 256, 256, 7, 10_000, 1, 1_000_000]) {
		number += step;
		store.objects.set(`manifest/${String(number).padStart(12, "0")}`, Buffer.alloc(0));
		lists = 0;
		t.is(await lastNumbered(counting, "manifest/", numberOf), number);
		t.true(lists <= 60, `${lists} calls`);
	}
});
