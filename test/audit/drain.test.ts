import test, { type ExecutionContext } from "ava";
import { entryClock } from "../../audit/clock.ts";
import { Drain } from "../../audit/drain.ts";
import { decodeEntry, type Entry } from "../../audit/entry.ts";
import { AuditError } from "../../audit/error.ts";
import { decodeLine, linesOf } from "../../audit/format/line.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Leader } from "../../audit/log/leader.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import { type Happening, Recorder } from "../../audit/recorder.ts";
import { Spool } from "../../audit/spool/spool.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/until.ts";
import { origin, signerFor } from "./entries.ts";

const happening: Happening = {
	kind: "Transition",
	actor: { name: "somebody" },
	entity: { type: "Desk", id: "a" },
	action: "raise",
};
const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);

function leaderOf(t: ExecutionContext, store: MemoryStore) {
	const errors: unknown[] = [];
	const onFailed = (error: unknown) => errors.push(error);
	const leader = new Leader({ store, origin, signer, keys, onFailed, pauseMilliseconds: 1 });
	t.teardown(() => leader.stop());
	return { leader, errors };
}

async function writerOf(t: ExecutionContext, writer: string, leaders: () => Leader) {
	const spool = await Spool.open(temporaryFolder(t, "spool"));
	const recorder = new Recorder({ spool, signer: entries, log: origin, writer, clock: entryClock() });
	const errors: unknown[] = [];
	const drain = new Drain({
		spool,
		handOver: (signed) => leaders().append(signed),
		onFailed: (error) => errors.push(error),
		pauseMilliseconds: 5,
	});
	drain.start();
	t.teardown(async () => {
		await drain.stop();
		await spool.close();
	});
	return { spool, recorder, drain, errors };
}

function inLog(store: MemoryStore): readonly Entry[] {
	return [...store.objects.keys()]
		.filter((key) => key.startsWith("batch/"))
		.sort()
		.flatMap((key) => linesOf(store.objects.get(key) ?? Buffer.alloc(0)))
		.map((line) => decodeEntry(decodeLine(line).entry));
}

const counters = (entries: readonly Entry[], writer: string) =>
	entries.filter((entry) => entry.writer.id === writer).map((entry) => entry.writer.counter);
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at);

test("what two writers record while the store is away is in the log in order when it is back", async (t) => {
	t.timeout(120_000);
	// Given a store that fails, and two writers that record all the same
	const store = new MemoryStore();
	store.onPut = () => {
		throw new AuditError("STORE", "away");
	};
	const { leader, errors } = leaderOf(t, store);
	const [a, b] = [await writerOf(t, "a", () => leader), await writerOf(t, "b", () => leader)];
	await Promise.all(upTo(700).flatMap(() => [a.recorder.record(happening), b.recorder.record(happening)]));
	await until("it was tried", () => errors.length > 0);
	await until("it is known to be behind", () => a.drain.behind() !== undefined);
	t.is(a.spool.length, 700);
	// When it is back
	store.onPut = () => {};
	await until("all is in the log", () => a.spool.length + b.spool.length === 0, {
		timeoutMilliseconds: 60_000,
	});
	// Then each is there once, in order
	const all = inLog(store);
	t.is(all.length, 1_400);
	for (const writer of ["a", "b"]) t.deepEqual(counters(all, writer), upTo(700), writer);
	await until("nobody is behind", () => a.drain.behind() === undefined);
	t.is((await Sequencer.open({ store, origin, signer, keys })).size, 1_400);
});

test("a store that loses one answer in three, and two leaders at once: once each, in order", async (t) => {
	t.timeout(120_000);
	const store = new MemoryStore();
	let calls = 0;
	store.onPut = async () => {
		calls += 1;
		await new Promise((resolve) => setImmediate(resolve));
		if (calls % 31 === 0) throw new AuditError("STORE", "500");
	};
	store.onWritten = () => {
		if (calls % 17 === 0) throw new AuditError("STORE", "the answer is lost");
	};
	const [one, two] = [leaderOf(t, store), leaderOf(t, store)];
	// Given writers that cannot tell which leader is the right one
	const writers = await Promise.all(
		["a", "b", "c"].map((name, at) => {
			let turn = at;
			return writerOf(t, name, () => [one.leader, two.leader][turn++ % 2] as Leader);
		}),
	);
	for (const batch of upTo(20)) {
		await Promise.all(
			writers.map(({ recorder }) => recorder.record({ ...happening, action: `act ${batch}` })),
		);
	}
	await until("all is in the log", () => writers.every(({ spool }) => spool.length === 0), {
		timeoutMilliseconds: 60_000,
	});
	const all = inLog(store);
	t.is(all.length, 60);
	for (const name of ["a", "b", "c"]) t.deepEqual(counters(all, name), upTo(20), name);
	t.true(one.errors.length + two.errors.length > 0);
});

test("an entry that the log refuses is named, and what comes after it waits", async (t) => {
	const store = new MemoryStore();
	const { leader } = leaderOf(t, store);
	const spool = await Spool.open(temporaryFolder(t, "spool"));
	const stranger = new Recorder({
		spool,
		signer: signerFor("Entries"),
		log: origin,
		writer: "s",
		clock: entryClock(),
	});
	const errors: unknown[] = [];
	const drain = new Drain({
		spool,
		handOver: (signed) => leader.append(signed),
		onFailed: (error) => errors.push(error),
	});
	drain.start();
	t.teardown(async () => {
		await drain.stop();
		await spool.close();
	});
	await stranger.record(happening);
	await until("it is told of", () => errors.length > 0);
	t.regex(String(errors[0]), /refuses entry 0 .*not one of this log/);
	t.is(spool.length, 1);
	t.regex(drain.behind()?.why ?? "", /not one of this log/);
	t.is(inLog(store).length, 0);
});

test("times of entries go on with the clock, and name the run of the machine", async (t) => {
	const clock = entryClock(() => ({ source: "ntp", errorMicroseconds: 12 }));
	const [first, second] = [clock(), clock()];
	t.true(first.wall <= second.wall && BigInt(first.monotonic) <= BigInt(second.monotonic));
	t.is(first.boot, second.boot);
	t.true(Math.abs(Date.parse(first.wall) - Date.now()) < 5_000);
	t.like(first, { source: "ntp", errorMicroseconds: 12 });
});
