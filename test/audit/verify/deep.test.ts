import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import test from "ava";
import { batchPath, bundlePath, checkpointPath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
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
		t.deepEqual(await inspect(store, retentionSeconds / 2), []);
		// When it is to be locked for longer than it is, then that is said of every object
		const objects = [...(await store.versions(""))].length;
		const short = await inspect(store, retentionSeconds * 2);
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
			told(await inspect(store, 0)),
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
