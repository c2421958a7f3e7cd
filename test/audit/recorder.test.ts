import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type EntryTime, entryClock } from "../../audit/clock.ts";
import type { Entry } from "../../audit/entry.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import type { Appended } from "../../audit/log/outcome.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import { type Happening, Recorder } from "../../audit/recorder.ts";
import { diskFiles } from "../../audit/spool/files.ts";
import { Spool } from "../../audit/spool/spool.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { verify } from "../../audit/verify/verify.ts";
import { temporaryFolder } from "../support/folder.ts";
import { origin, signerFor } from "./entries.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);
const happening: Happening = {
	kind: "Transition",
	actor: { name: "somebody" },
	entity: { type: "Desk", id: "a" },
	action: "raise",
};

/** A machine whose clock somebody sets. */
function machine() {
	const clock = { seconds: 1_000, timer: 5, boot: "boot-1" };
	const now = (): EntryTime => {
		clock.seconds += 0.01;
		clock.timer += 0.01;
		const wall = Date.UTC(2026, 0, 1) + Math.round(clock.seconds * 1_000);
		return {
			wall: new Date(wall).toISOString().replace("Z", "000Z"),
			monotonic: String(Math.round(clock.timer * 1e9)),
			...{ boot: clock.boot, source: "uncompared" },
		};
	};
	return { clock, now };
}

async function open(t: ExecutionContext, dir: string, clock: () => EntryTime, files = diskFiles) {
	const spool = await Spool.open(dir, files);
	let isOpen = true;
	const close = async () => {
		if (isOpen) await spool.close();
		isOpen = false;
	};
	t.teardown(close);
	return {
		close,
		spool,
		recorder: new Recorder({ spool, signer: entries, log: origin, writer: "w", clock }),
	};
}

/** Brings all that is in a spool into a log, and verifies that. */
async function trailOf(spool: Spool) {
	const store = new MemoryStore();
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	const outcomes: Appended[] = [];
	while (spool.length > 0) {
		const oldest = await spool.oldest(256);
		outcomes.push(...(await sequencer.append(oldest.map(({ signed }) => signed))));
		await spool.done(oldest);
	}
	const all: Entry[] = [];
	const trust = { origin, logKeys: [signer.publicKey], keys };
	const { findings } = await verify(store, trust, { onEntry: (entry) => all.push(entry) });
	return { findings, outcomes, all, kinds: all.map(({ kind, action }) => `${kind} ${action}`) };
}

for (const [what, seconds] of [
	["back an hour", -3_600],
	["back by a blink", -0.02],
	["ahead an hour", 3_600],
] as const) {
	test(`the clock goes ${what}: that is recorded before the next entry, and nothing seems to be back-dated`, async (t) => {
		const { clock, now } = machine();
		const { spool, recorder } = await open(t, temporaryFolder(t, "spool"), now);
		await recorder.record(happening);
		clock.seconds += seconds;
		t.is(await recorder.record({ ...happening, action: "lower" }), 2);
		await recorder.record({ ...happening, action: "later" });
		const { findings, kinds, all } = await trailOf(spool);
		t.deepEqual(findings, []);
		t.deepEqual(kinds, ["Transition raise", "ClockStepped step", "Transition lower", "Transition later"]);
		t.like(all[1]?.metadata, { byMilliseconds: String(seconds * 1_000), sameRunOfMachine: "true" });
	});
}

test("a clock that goes as the timer does was not set, also where what happened is recorded late", async (t) => {
	const { clock, now } = machine();
	const { spool, recorder } = await open(t, temporaryFolder(t, "spool"), now);
	const before = now();
	await recorder.record(happening);
	clock.seconds += 86_400;
	clock.timer += 86_400.2;
	await recorder.record(happening);
	await recorder.record({ ...happening, time: before });
	t.deepEqual((await trailOf(spool)).kinds, ["Transition raise", "Transition raise", "Transition raise"]);
	const real = await open(t, temporaryFolder(t, "spool"), entryClock());
	for (let turn = 0; turn < 50; turn += 1) await real.recorder.record(happening);
	t.deepEqual(new Set((await trailOf(real.spool)).kinds), new Set(["Transition raise"]));
});

test("after the machine began anew a clock that is behind the last entry is told of", async (t) => {
	const dir = temporaryFolder(t, "spool");
	const { clock, now } = machine();
	const first = await open(t, dir, now);
	await first.recorder.record(happening);
	await first.close();
	Object.assign(clock, { seconds: 10, timer: 1, boot: "boot-2" });
	const second = await open(t, dir, now);
	await second.recorder.record(happening);
	const { findings, kinds } = await trailOf(second.spool);
	t.deepEqual(findings, []);
	t.deepEqual(kinds, ["Transition raise", "ClockStepped step", "Transition raise"]);
});

test("a spool that was damaged is recorded with what was found, before anything else", async (t) => {
	const dir = temporaryFolder(t, "spool");
	const first = await open(t, dir, entryClock());
	for (let turn = 0; turn < 3; turn += 1) await first.recorder.record(happening);
	await first.close();
	const [name = ""] = readdirSync(dir).filter((one) => one.endsWith(".log"));
	const content = readFileSync(join(dir, name));
	// When the last record is torn
	truncateSync(join(dir, name), content.length - 10);
	const second = await open(t, dir, entryClock());
	await second.recorder.record(happening);
	const torn = await trailOf(second.spool);
	t.deepEqual(torn.findings, []);
	t.deepEqual(torn.kinds.slice(2), ["SpoolRecovered Torn", "Transition raise"]);
	const { bytes, begin } = torn.all[2]?.metadata ?? {};
	t.is(Buffer.from(begin ?? "", "base64").length, Number(bytes));
	await second.close();
	// When a record in the middle is damaged
	const later = readFileSync(join(dir, name));
	later[40] = (later[40] ?? 0) ^ 1;
	writeFileSync(join(dir, name), later);
	const third = await open(t, dir, entryClock());
	await third.recorder.record(happening);
	const damaged = await trailOf(third.spool);
	t.deepEqual(damaged.findings, []);
	t.deepEqual(damaged.kinds, ["SpoolRecovered Damaged", "Transition raise"]);
	t.like(damaged.all[0]?.metadata, { file: name, counter: "0" });
});

test("what was owed while the disk failed comes with the next entry", async (t) => {
	const { clock, now } = machine();
	let fails = false;
	const { spool, recorder } = await open(t, temporaryFolder(t, "spool"), now, {
		...diskFiles,
		create: async (dir, path) => {
			const file = await diskFiles.create(dir, path);
			return {
				append: async (bytes) => {
					if (fails) throw Object.assign(new Error("EIO"), { code: "EIO" });
					await file.append(bytes);
				},
				close: () => file.close(),
			};
		},
	});
	await recorder.record(happening);
	clock.seconds -= 3_600;
	fails = true;
	await t.throwsAsync(recorder.record({ ...happening, action: "lost" }), { message: /EIO/ });
	fails = false;
	await recorder.record({ ...happening, action: "again" });
	const { findings, kinds } = await trailOf(spool);
	t.deepEqual(findings, []);
	t.deepEqual(kinds, ["Transition raise", "ClockStepped step", "Transition again"]);
});
