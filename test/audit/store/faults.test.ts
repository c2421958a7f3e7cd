import test, { type ExecutionContext } from "ava";
import { findProof } from "../../../audit/cli/prove.ts";
import { entryClock } from "../../../audit/clock.ts";
import { Drain } from "../../../audit/drain.ts";
import { initialKeys } from "../../../audit/log/key-ring.ts";
import { Leader } from "../../../audit/log/leader.ts";
import { Sequencer } from "../../../audit/log/sequencer.ts";
import { type Happening, Recorder } from "../../../audit/recorder.ts";
import { Spool } from "../../../audit/spool/spool.ts";
import { verify } from "../../../audit/verify/verify.ts";
import { startVersitygw } from "../../../dev/stores/versitygw.ts";
import { Chance } from "../../operator/chance.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { until } from "../../support/until.ts";
import { entryOf, origin, signed, signerFor } from "../entries.ts";
import { type Fault, startFaultProxy } from "./fault-proxy.ts";
import { openStore } from "./stores.ts";

// A real store behind a proxy that fails: nothing acknowledged is lost, no number is used twice, nobody who records waits.

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const happening: Happening = {
	kind: "Transition",
	actor: { name: "somebody" },
	entity: { type: "Desk", id: "a" },
	action: "raise",
};
const timeoutMilliseconds = 120_000;

async function setUp(t: ExecutionContext) {
	const { server, bucket, reach } = await openStore(t, startVersitygw);
	const direct = await bucket("trail");
	const proxy = await startFaultProxy(t, server.url);
	const writer = async (name: string) => {
		const store = reach("trail", { endpoint: proxy.url, callMilliseconds: 2_000 });
		const failures: unknown[] = [];
		const onFailed = (error: unknown) => failures.push(error);
		const leader = new Leader({ store, origin, signer, keys, onFailed, pauseMilliseconds: 20 });
		const spool = await Spool.open(temporaryFolder(t, "spool"));
		const recorder = new Recorder({ spool, signer: entries, log: origin, writer: name, clock: entryClock() });
		const drain = new Drain({
			spool,
			handOver: (signed) => leader.append(signed),
			onFailed,
			pauseMilliseconds: 10,
		});
		drain.start();
		t.teardown(async () => {
			await Promise.all([leader.stop(), drain.stop()]);
			await spool.close();
		});
		return { recorder, spool, failures };
	};
	const trail = async () => {
		const found: string[] = [];
		const { findings } = await verify(
			direct,
			{ origin, logKeys: [signer.publicKey], keys },
			{ onEntry: ({ writer }) => found.push(`${writer.id} ${writer.counter}`) },
		);
		return { findings, found };
	};
	return { proxy, writer, trail, direct, reach };
}

const numbers = (writer: string, count: number) =>
	Array.from({ length: count }, (_, at) => `${writer} ${at}`);

const faults: Readonly<Record<string, readonly [Fault, RegExp | undefined]>> = {
	"does not answer": ["hangs", /was not written, or nobody knows: .*(timeout|timed out)/i],
	"answers 500": [{ status: 500, code: "InternalError" }, /was not written, or nobody knows: .*/],
	"answers 409": [
		{ status: 409, code: "ConditionalRequestConflict" },
		/was not written, or nobody knows: .*/,
	],
	"answers 503": [{ status: 503, code: "SlowDown" }, /was not written, or nobody knows: .*/],
	"is full": [{ status: 507, code: "InsufficientStorage" }, /was not written, or nobody knows: .*/],
	"carries out and loses the answer": ["answer lost", /was not written, or nobody knows: .*/],
	"is slow": ["slow", undefined],
};

for (const [what, [fault, words]] of Object.entries(faults)) {
	test(`a store that ${what}: whoever records does not wait, and all is there once when it is well again`, async (t) => {
		t.timeout(600_000);
		const { proxy, writer, trail } = await setUp(t);
		const { recorder, spool, failures } = await writer("a");
		await recorder.record(happening);
		await until("the first entry is in the store", () => spool.length === 0, { timeoutMilliseconds });
		// When every write fails
		let failed = 0;
		proxy.fault = ({ method }) => {
			if (method !== "PUT") return "none";
			failed += 1;
			return fault;
		};
		// Then entries are on the disk all the same
		for (let turn = 0; turn < 20; turn += 1) await recorder.record(happening);
		await until("it was tried", () => failed >= 2, { timeoutMilliseconds });
		if (words !== undefined) {
			await until("it is told of", () => failures.length > 0, { timeoutMilliseconds });
			t.regex(String(failures[0]), words);
			t.true(spool.length > 0);
		}
		// When it is well again, then all of them are there, once, in order
		proxy.fault = () => "none";
		await until("all is in the store", () => spool.length === 0, { timeoutMilliseconds });
		const { findings, found } = await trail();
		t.deepEqual(findings, []);
		t.deepEqual(found, numbers("a", 21));
	});
}

test("two leaders at once on a store that fails one write in eight and one read in a hundred, in every way: each entry once, in order", async (t) => {
	t.timeout(600_000);
	const { proxy, writer, trail } = await setUp(t);
	const chance = new Chance(t);
	const ways: readonly Fault[] = [
		"answer lost",
		"slow",
		{ status: 500, code: "InternalError" },
		{ status: 409, code: "ConditionalRequestConflict" },
	];
	proxy.fault = ({ method }) => (chance.happens(method === "PUT" ? 0.125 : 0.01) ? chance.one(ways) : "none");
	const [a, b] = [await writer("a"), await writer("b")];
	for (let turn = 0; turn < 30; turn += 1) {
		await Promise.all([a.recorder.record(happening), b.recorder.record(happening)]);
	}
	await until("all is in the store", () => a.spool.length + b.spool.length === 0, { timeoutMilliseconds });
	const { findings, found } = await trail();
	t.deepEqual(findings, []);
	t.deepEqual(found.toSorted(), [...numbers("a", 30), ...numbers("b", 30)].toSorted());
	t.true(a.failures.length + b.failures.length > 0);
});

for (const [what, rounds] of [
	["rounds are large", [256, 256, 100]],
	["rounds are small", Array.from({ length: 40 }, (_, at) => 1 + (at % 3))],
] as const) {
	test(`proving one entry reads few objects of a real store, where ${what}`, async (t) => {
		t.timeout(600_000);
		const { proxy, direct, reach } = await setUp(t);
		const sequencer = await Sequencer.open({ store: direct, origin, signer, keys });
		let size = 0;
		for (const count of rounds) {
			const some = Array.from({ length: count }, (_, at) => signed(entries, entryOf(size + at)));
			await sequencer.append(await Promise.all(some));
			size += count;
		}
		const store = reach("trail", { endpoint: proxy.url });
		for (const index of [0, 1, Math.floor(size / 2), size - 1]) {
			proxy.answered.splice(0);
			const { bundle } = await findProof(store, index);
			t.is(JSON.parse(bundle).verificationMaterial.tlogEntries[0].logIndex, String(index));
			// Of each object the oldest version is looked for, then read; beside that two listings.
			const lists = proxy.answered.filter(({ path }) => /[?&](versions|list-type)/.test(path)).length;
			t.is(proxy.answered.length - lists, 3);
			t.is(lists, 5);
		}
	});
}
