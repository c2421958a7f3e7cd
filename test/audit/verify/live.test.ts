import test, { type ExecutionContext } from "ava";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import type { Reading } from "../../../audit/store/store.ts";
import { MemoryStore } from "../../../audit/testing/memory-store.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { heldAt } from "../hold.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const trust = { origin, logKeys: [signer.publicKey], keys, witnesses: [], requireWitnesses: 0 };

/** A log of two entries and a third one on its way, held up before this object is written. */
async function held(t: ExecutionContext, prefix: string) {
	const store = new MemoryStore();
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	await sequencer.append([await signed(entries, entryOf(0)), await signed(entries, entryOf(1))]);
	const third = await signed(entries, entryOf(2));
	const { release } = await heldAt(t, store, prefix, () => sequencer.append([third]));
	return { store, release };
}

for (const prefix of ["tile/", "checkpoint/", "bundle/", "manifest/"]) {
	test(`a round that ends while the log is verified is verified, too; before ${prefix}`, async (t) => {
		// Given a log that is listed while a round of it is at this object
		const { store, release } = await held(t, prefix);
		const verifying = verify(store, trust, { settleMilliseconds: 30_000 });
		// When the round ends
		release();
		// Then nothing is wrong, and its entry counts
		const { findings, size } = await verifying;
		t.deepEqual(findings, []);
		t.is(size, 3);
	});

	test(`a round that never ends was cut off; before ${prefix}`, async (t) => {
		const { store } = await held(t, prefix);
		const { findings } = await verify(store, trust, { settleMilliseconds: 50 });
		t.true(findings.length > 0);
	});
}

test("rounds that begin and end while objects are listed are none that somebody put there or took away", async (t) => {
	// Given a log that grows by a round before each folder is listed, and after
	const store = new MemoryStore();
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	let counter = 0;
	const grow = async () => {
		const all = await Promise.all([0, 1, 2].map((at) => signed(entries, entryOf(counter + at))));
		counter += all.length;
		await sequencer.append(all);
	};
	await grow();
	let turn: Promise<unknown> = Promise.resolve();
	const reading: Reading = {
		get: (key) => store.get(key),
		list(prefix, options) {
			const listed = turn.then(async () => {
				await grow();
				const found = await store.list(prefix, options);
				await grow();
				return found;
			});
			turn = listed;
			return listed;
		},
	};
	// When it is verified
	const { findings, size } = await verify(reading, trust, { settleMilliseconds: 30_000 });
	// Then it is good, with what was there when its batches were listed
	t.deepEqual(findings, []);
	t.true(size >= 3 && size <= counter);
});

test("what belongs to no round is found in a log that grows, too", async (t) => {
	const { store, release } = await held(t, "manifest/");
	store.objects.set("tile/0/nonsense", Buffer.from("x"));
	const verifying = verify(store, trust, { settleMilliseconds: 30_000 });
	release();
	t.deepEqual(
		(await verifying).findings.map(({ code }) => code),
		["ObjectUnexpected"],
	);
});
