import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { batchPath, bundlePath } from "../../../audit/layout.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { FolderStore } from "../../../audit/store/folder.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { makeTrail } from "../../bench/audit-trail.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { Forger } from "./forge.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys };

test("a long log in a folder is verified by threads, whatever is wrong with it is told in order", async (t) => {
	t.timeout(120_000);
	const folder = temporaryFolder(t, "trail");
	const { trust: trusted } = await makeTrail(folder, 5_000, 100);
	const reading = new FolderStore(folder);
	const seen: number[] = [];
	const report = await verify(reading, trusted, { onEntry: (_, index) => seen.push(index) });
	t.deepEqual(report.findings, []);
	t.deepEqual(
		seen,
		Array.from({ length: 5_000 }, (_, at) => at),
	);
	// When a tile is gone, an entry is changed, and a bundle
	rmSync(join(folder, "tile/0/007.p/8"));
	const change = (key: string, from: string, to: string) => {
		const path = join(folder, key);
		writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
	};
	change(batchPath(2_200), "raise", "lower");
	change(bundlePath(4_400), '"logIndex":"4400"', '"logIndex":"4401"');
	// Then each is told of, by name and in order, by threads as without
	const { findings } = await verify(reading, trusted, { threads: 2 });
	t.deepEqual(
		findings.filter(({ code }) => code !== "ManifestChanged").map(({ code, object }) => `${code} ${object}`),
		[
			"ObjectMissing tile/0/007.p/8",
			`EntryChanged ${batchPath(2_200)}`,
			`SignatureWrong ${batchPath(2_200)}`,
			`BundleChanged ${bundlePath(4_400)}`,
		],
	);
	t.deepEqual((await verify(reading, trusted, { threads: 0 })).findings, findings);
});

test("a log of many small rounds is read object by object, no more than a few times each", async (t) => {
	t.timeout(120_000);
	const store = new MemoryStore();
	const forger = new Forger(store, signer, keys);
	const reads: number[] = [];
	for (let round = 0; round < 700; round += 1) {
		await forger.append([await signed(entries, entryOf(round))]);
		if (round !== 349 && round !== 699) continue;
		store.reads = 0;
		t.deepEqual((await verify(store, trust)).findings, []);
		reads.push(store.reads);
		// Beside its own objects each round reads the last tile of each level before it.
		t.true(store.reads <= store.objects.size + 2 * (round + 1), `${store.reads} of ${store.objects.size}`);
	}
	t.true((reads[1] ?? 0) < 2.2 * (reads[0] ?? 0), reads.join());
});
