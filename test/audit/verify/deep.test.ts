import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import test from "ava";
import { batchPath, bundlePath, checkpointPath, manifestPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { inspect } from "../../../audit/verify/deep.ts";
import type { Finding } from "../../../audit/verify/finding.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { openStore, realStores, retentionSeconds } from "../store/stores.ts";

const told = (findings: readonly Finding[]) =>
	findings.map(({ code, object }) => `${code} ${object}`).toSorted();

for (const [name, start] of Object.entries(realStores)) {
	test(`${name}: what somebody does with every right to the bucket is told of by code and object`, async (t) => {
		t.timeout(600_000);
		const { admin, bucket } = await openStore(t, start);
		const store = await bucket("trail");
		const [entries, signer] = [signerFor("Entries"), signerFor("Checkpoints")];
		const keys = initialKeys([entries.publicKey]);
		const trust = { origin, logKeys: [signer.publicKey], keys };
		const sequencer = await Sequencer.open({ store, origin, signer, keys });
		for (const [from, count] of [
			[0, 2],
			[2, 3],
		] as const) {
			const some = Array.from({ length: count }, (_, at) => signed(entries, entryOf(from + at)));
			await sequencer.append(await Promise.all(some));
		}
		// Given a trail that nobody has touched
		t.deepEqual(await inspect(store, trust, retentionSeconds / 2), []);
		// When it is to be locked for longer than it is, then that is said of every object
		const objects = [...(await store.versions(""))].length;
		const short = await inspect(store, trust, retentionSeconds * 2);
		t.is(short.length, objects);
		t.true(short.every(({ code }) => code === "RetentionShort"));
		const promised = await verify(store, trust, { retentionSeconds: retentionSeconds * 2 });
		t.true(promised.findings.length > 0 && promised.findings.every(({ code }) => code === "RetentionShort"));
		// When bundles change places, a checkpoint is replayed, an object is deleted, and one is there that is not locked
		const put = async (key: string, bytes: Buffer | undefined) =>
			admin.send(new PutObjectCommand({ Bucket: "trail", Key: key, Body: bytes ?? "" }));
		const [first, second] = [await store.get(bundlePath(0)), await store.get(bundlePath(2))];
		await put(bundlePath(0), second);
		await put(bundlePath(2), first);
		await put(checkpointPath(5), await store.get(checkpointPath(2)));
		await admin.send(new DeleteObjectCommand({ Bucket: "trail", Key: batchPath(0) }));
		await put("batch/000000000009.tsv", Buffer.from("x\n"));
		// Then what was there first is what is read, and each deed is told of
		t.deepEqual(told((await verify(store, trust)).findings), ["Truncated batch/000000000009.tsv"]);
		t.deepEqual(
			told(await inspect(store, trust, 0)),
			[
				`SecondVersion ${bundlePath(0)}`,
				`SecondVersion ${bundlePath(2)}`,
				`SecondVersion ${checkpointPath(5)}`,
				`DeleteMarker ${batchPath(0)}`,
				"RetentionMissing batch/000000000009.tsv",
			].toSorted(),
		);
	});
}

test("what the store says of lock and version now is held against what the signed manifests say of then", async (t) => {
	// Given a log in a store that promised ten minutes for each object
	const until = new Date(Date.now() + 600_000);
	const objects = new MemoryStore();
	const [entries, signer] = [signerFor("Entries"), signerFor("Checkpoints")];
	const keys = initialKeys([entries.publicKey]);
	const trust = { origin, logKeys: [signer.publicKey], keys };
	const writing = {
		get: (key: string) => objects.get(key),
		list: objects.list.bind(objects),
		put: async (key: string, bytes: Buffer) => ({
			...(await objects.put(key, bytes)),
			retainUntil: until.toISOString(),
		}),
	};
	const sequencer = await Sequencer.open({ store: writing, origin, signer, keys });
	for (const counter of [0, 1]) await sequencer.append([await signed(entries, entryOf(counter))]);
	const asked = (what: { readonly lock?: Readonly<Record<string, number>>; readonly version?: string }) => ({
		get: (key: string) => objects.get(key),
		versions: async (prefix: string) =>
			new Map(
				(await objects.list(prefix)).map((key) => [
					key,
					[{ versionId: key === what.version ? "2" : "1", isMarker: false }],
				]),
			),
		lock: async (key: string) => ({
			mode: "COMPLIANCE",
			retainUntil: new Date(until.getTime() - (what.lock?.[key] ?? 0)),
		}),
	});
	const found = async (what: Parameters<typeof asked>[0]) => told(await inspect(asked(what), trust, 60));
	// Then locks that end when they were to are good, a second is what stores round by
	t.deepEqual(await found({}), []);
	t.deepEqual(await found({ lock: { [batchPath(0)]: 1_000 } }), []);
	// And one that ends earlier is short, long before what is asked for from now on
	t.deepEqual(await found({ lock: { [batchPath(1)]: 60_000, "tile/0/000.p/1": 2_000 } }), [
		`RetentionShort ${batchPath(1)}`,
		"RetentionShort tile/0/000.p/1",
	]);
	// And another version than the log wrote is told of, though it is the only one
	t.deepEqual(await found({ version: bundlePath(1) }), [`SecondVersion ${bundlePath(1)}`]);
	// And of manifests, which are in none, and where none is signed, only what is asked for counts
	t.deepEqual(await found({ lock: { [manifestPath(2)]: 60_000 }, version: manifestPath(2) }), []);
	objects.objects.set(manifestPath(2), Buffer.from("x"));
	t.deepEqual(await found({ lock: { [batchPath(1)]: 60_000 } }), []);
	t.deepEqual(await found({ lock: { [batchPath(1)]: 570_000 } }), [`RetentionShort ${batchPath(1)}`]);
});
