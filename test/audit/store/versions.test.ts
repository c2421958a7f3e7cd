import {
	DeleteObjectCommand,
	PutBucketVersioningCommand,
	PutObjectCommand,
	type S3Client,
} from "@aws-sdk/client-s3";
import test from "ava";
import { isAuditError } from "../../../audit/error.ts";
import { batchPath, checkpointPath, manifestPath, numberOf } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { lastNumbered } from "../../../audit/store/store.ts";
import { versionPages } from "../../../audit/store/versions.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { openStore, realStores } from "./stores.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys };
const padded = (number: number) => String(number).padStart(12, "0");

/** Somebody who may delete and write, and to whom locks are no matter: the store puts markers and versions over what is there. */
const somebody = (admin: S3Client, bucket: string) => ({
	put: (key: string, text: string) =>
		admin.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: text })),
	hide: async (key: string, times = 1) => {
		for (let time = 0; time < times; time += 1) {
			await admin.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
		}
	},
});

for (const [name, start] of Object.entries(realStores)) {
	test(`${name}: a log whose end somebody hides below delete markers is read, verified and continued as it is`, async (t) => {
		t.timeout(600_000);
		const { admin, bucket } = await openStore(t, start);
		const store = await bucket("trail");
		const { put, hide } = somebody(admin, "trail");
		const sequencer = await Sequencer.open({ store, origin, signer, keys });
		for (const counter of [0, 1, 2]) await sequencer.append([await signed(entries, entryOf(counter))]);
		const all = await store.list("");
		// When each object of the last round is hidden, one of them many times, and one is where none was
		for (const key of all) {
			if (/0000000003$|0000000002\.|\.p\/3$/.test(key)) await hide(key);
		}
		await hide(manifestPath(3), 20);
		await hide("manifest/000000000009");
		await put(checkpointPath(2), "another version");
		// Then all of it is listed, once, as it can be read
		t.deepEqual(await store.list(""), all);
		t.deepEqual(await store.list("manifest/"), [1, 2, 3].map(manifestPath));
		t.is(await store.get("manifest/000000000009"), undefined);
		// And page by page, after keys that are there and that are not, and hidden ones
		const some = { after: checkpointPath(1), most: 1 };
		t.deepEqual(await store.list("checkpoint/", some), [checkpointPath(2)]);
		t.deepEqual(await store.list("checkpoint/", { after: checkpointPath(2), most: 1 }), [checkpointPath(3)]);
		t.deepEqual(await store.list("manifest/", { after: `${manifestPath(2)}~`, most: 1 }), [manifestPath(3)]);
		t.deepEqual(await store.list("manifest/", { after: manifestPath(3) }), []);
		t.deepEqual(await store.list("batch/", { after: "batch/", most: 2 }), [0, 1].map(batchPath));
		t.is(await lastNumbered(store, "manifest/", numberOf), 3);
		// And it is verified in whole, and whoever leads next goes on behind it and writes nothing anew
		t.like(await verify(store, trust), { findings: [], size: 3 });
		const next = await Sequencer.open({ store, origin, signer, keys });
		t.is(next.size, 3);
		await next.append([await signed(entries, entryOf(3))]);
		t.like(await verify(store, trust), { findings: [], size: 4 });
		const written = [...(await store.versions("batch/")).values()].map(
			(versions) => versions.filter(({ isMarker }) => !isMarker).length,
		);
		t.deepEqual(written, [1, 1, 1, 1]);
	});

	test(`${name}: a place that somebody has hidden is taken all the same`, async (t) => {
		t.timeout(600_000);
		const { admin, bucket } = await openStore(t, start);
		const store = await bucket("trail");
		const { hide } = somebody(admin, "trail");
		// Given two leaders at the same place, one of which has written it, and somebody who deletes that
		const written = await store.put(batchPath(0), Buffer.from("first"));
		await hide(batchPath(0));
		// When the other one writes there, then it is fenced whether the store lets that through or not
		const error = await t.throwsAsync(store.put(batchPath(0), Buffer.from("second")));
		t.true(isAuditError(error, "FENCED"), String(error));
		t.is(String(await store.get(batchPath(0))), "first");
		// And the same bytes again are what was there first, by its version
		await hide(batchPath(0));
		t.is((await store.put(batchPath(0), Buffer.from("first"))).versionId, written.versionId);
	});

	test(`${name}: of more objects than fit into a page each is told of once`, async (t) => {
		t.timeout(600_000);
		const { admin, bucket } = await openStore(t, start);
		const store = await bucket("many", false);
		const { put, hide } = somebody(admin, "many");
		await admin.send(
			new PutBucketVersioningCommand({
				...{ Bucket: "many", VersioningConfiguration: { Status: "Enabled" } },
			}),
		);
		const wanted = Array.from({ length: 2_010 }, (_, at) => `batch/${padded(at)}.tsv`);
		const left = [...wanted];
		const work = async () => {
			for (let key = left.shift(); key !== undefined; key = left.shift()) await put(key, "x");
		};
		await Promise.all(Array.from({ length: 16 }, work));
		await hide(wanted[5] ?? "");
		const versions = await store.versions("batch/");
		t.deepEqual([...versions.keys()], wanted);
		const several = [...versions].filter(([, all]) => all.length > 1);
		t.deepEqual(
			several.map(([key, all]) => `${key} ${all.length}`),
			[`${wanted[5]} 2`],
		);
		t.deepEqual(await store.list("batch/"), wanted);
		t.deepEqual(
			await store.list("batch/", { after: wanted[998] ?? "", most: 1_005 }),
			wanted.slice(999, 2_004),
		);
	});
}

test("a page that begins with what the one before it ended with adds nothing twice, and one that says no more than that is an error", async (t) => {
	const pages: Readonly<Record<string, readonly [readonly string[], string | undefined]>> = {
		"": [["a 1", "b 2"], "b"],
		b: [["b 2", "b 1", "c 1"], "c"],
		c: [["c 1"], undefined],
	};
	const answer = (keys: readonly string[], next: string | undefined) => ({
		Versions: keys.map((text) => ({ Key: text.split(" ")[0], VersionId: text.split(" ")[1] })),
		...{ IsTruncated: next !== undefined, NextKeyMarker: next, NextVersionIdMarker: "x" },
		$metadata: {},
	});
	const found: string[] = [];
	const ask = async ({ KeyMarker = "" }: { readonly KeyMarker?: string | undefined }) =>
		answer(...(pages[KeyMarker] ?? [[], undefined]));
	for await (const page of versionPages(ask, "")) {
		found.push(...page.map(({ key, versionId }) => `${key} ${versionId}`));
	}
	t.deepEqual(found, ["a 1", "b 2", "b 1", "c 1"]);
	for (const next of ["a", undefined]) {
		const endless = async () => ({ ...answer(["a 1"], next), IsTruncated: true });
		const all = async () => {
			for await (const _ of versionPages(endless, "a/"));
		};
		t.true(isAuditError(await t.throwsAsync(all), "STORE"));
	}
});
