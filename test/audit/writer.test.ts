import { createPrivateKey } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { comparedWith } from "../../audit/clock.ts";
import type { Entry } from "../../audit/entry.ts";
import { AuditError } from "../../audit/error.ts";
import { handOverTo } from "../../audit/hand-over.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { type Happening, idFrom } from "../../audit/recorder.ts";
import { recordSettings } from "../../audit/settings.ts";
import { keySigner, newKey } from "../../audit/signer.ts";
import { diskFiles, type SpoolFiles } from "../../audit/spool/files.ts";
import { verify } from "../../audit/verify/verify.ts";
import { Writer, type WriterOptions } from "../../audit/writer.ts";
import { writerOf } from "../../audit/writer-of.ts";
import { temporaryFolder } from "../support/folder.ts";
import { TestTrail } from "../support/trail.ts";
import { until } from "../support/until.ts";
import { origin, signerFor } from "./entries.ts";

const happening = (action: string, rest: Partial<Happening> = {}): Happening => ({
	kind: "Transition",
	action,
	actor: { name: "somebody" },
	entity: { type: "Desk", id: "a" },
	...rest,
});

async function recording(t: ExecutionContext) {
	const folder = temporaryFolder(t, "writer");
	const pem = newKey("Entries");
	const key = join(folder, "key.pem");
	writeFileSync(key, pem);
	const keys = initialKeys([keySigner(createPrivateKey(pem)).publicKey]);
	const signer = signerFor("Checkpoints");
	const trail = await TestTrail.start(t, { origin, signer, keys });
	const open = (dir = join(folder, "spool"), url = trail.url, more: Partial<WriterOptions> = {}) => {
		const errors: string[] = [];
		const writer = writerOf(
			{ dir, key, log: origin, url },
			{
				name: "tester",
				about: { component: "test" },
				...more,
				onFailed: (where, error) =>
					errors.push(`${where}: ${error instanceof Error ? error.message : error}`),
			},
		);
		t.teardown(() => writer.stop());
		return { writer, errors };
	};
	const findings = async () => {
		const trust = { origin, logKeys: [signer.publicKey], keys, witnesses: [], requireWitnesses: 0 };
		return (await verify(trail.store, trust, { settleMilliseconds: 30_000 })).findings;
	};
	return { folder, key, trail, open, findings };
}

const actions = (entries: readonly Entry[]) =>
	entries.filter(({ kind }) => kind === "Transition").map(({ action }) => action);

test("what is recorded gets into the store in its order, between the beginning and the end of the writer", async (t) => {
	const { trail, open, findings } = await recording(t);
	const { writer } = open();
	writer.start();
	const tickets = Array.from({ length: 50 }, (_, at) => writer.record(happening(`step ${at}`)));
	await until("all of it is stored", () => writer.isStored(tickets.at(-1) ?? 0));
	t.deepEqual(writer.state(), { kind: "Current" });
	await writer.stop();
	const entries = trail.entries();
	t.deepEqual(
		actions(entries),
		Array.from({ length: 50 }, (_, at) => `step ${at}`),
	);
	t.is(entries[0]?.kind, "Started");
	t.is(entries.at(-1)?.kind, "Stopped");
	t.deepEqual(await findings(), []);
});

test("a disk that fails is told of; what happened meanwhile follows in its order, with its time", async (t) => {
	const { trail, open, findings, folder } = await recording(t);
	writeFileSync(join(folder, "file"), "");
	const { writer, errors } = open(join(folder, "file", "spool"));
	writer.start();
	const before = Date.now();
	const ticket = writer.record(happening("first"));
	writer.record(happening("second"));
	await until("the failure is told", () => errors.some((error) => error.startsWith("Spool: ")));
	t.is(writer.state().kind, "Failing");
	t.false(writer.isStored(ticket));
	const after = Date.now();
	rmSync(join(folder, "file"));
	mkdirSync(join(folder, "file"));
	await until("both are stored", () => actions(trail.entries()).length === 2);
	t.deepEqual(actions(trail.entries()), ["first", "second"]);
	const [first] = trail.entries().filter(({ action }) => action === "first");
	const wall = Date.parse(first?.time.wall ?? "");
	t.true(wall >= before && wall <= after, "the time is that of the happening");
	await until("nothing fails any more", () => writer.state().kind === "Current");
	t.deepEqual(await findings(), []);
});

test("a disk that hangs is told of, says that nothing is on it, and its writer ends all the same", async (t) => {
	// Given a writer whose disk does not answer from now on
	const { open } = await recording(t);
	let hangs = false;
	const never = new Promise<void>(() => {});
	const files: SpoolFiles = {
		...diskFiles,
		create: async (dir, path) => {
			const file = await diskFiles.create(dir, path);
			return { ...file, append: (bytes) => (hangs ? never : file.append(bytes)) };
		},
	};
	const { writer, errors } = open(undefined, undefined, { files });
	writer.start();
	const before = writer.record(happening("before"));
	await until("it is stored", () => writer.isStored(before));
	hangs = true;
	// When something happens
	const ticket = writer.record(happening("later"));
	// Then it is not said to be on the disk, and after a while that is told
	t.true(writer.isOnDisk(before));
	await until("it is told", () => errors.some((error) => /nothing has got to the disk of/.test(error)));
	t.false(writer.isOnDisk(ticket));
	t.is(writer.state().kind, "Failing");
	const endedAt = performance.now();
	await writer.stop();
	t.true(performance.now() - endedAt < 20_000);
});

test("entries say what the clock was compared with", async (t) => {
	const { open, trail } = await recording(t);
	let error: number | undefined;
	const { writer } = open(undefined, undefined, { clockQuality: () => comparedWith("api-server", error) });
	writer.record(happening("before"));
	error = 700.0004;
	const ticket = writer.record(happening("after"));
	await until("it is stored", () => writer.isStored(ticket));
	const [first, second] = trail.entries().map(({ time }) => time);
	t.is(first?.source, "uncompared");
	t.false("errorMicroseconds" in (first ?? {}));
	t.like(second, { source: "api-server", errorMicroseconds: 700_001 });
});

test("a key that cannot be read is told of with its file, and read again", async (t) => {
	const { trail, open, key } = await recording(t);
	const pem = readFileSync(key);
	writeFileSync(key, "no key");
	const { writer, errors } = open();
	writer.start();
	const ticket = writer.record(happening("early"));
	await until("the failure is told", () => errors.some((error) => error.includes("key.pem")));
	t.is(trail.entries().length, 0);
	t.is(writer.state().kind, "Failing");
	writeFileSync(key, pem);
	await until("it is stored", () => writer.isStored(ticket));
	t.deepEqual(actions(trail.entries()), ["early"]);
});

test("what cannot be an entry is recorded as an exception that says why, and those after it follow", async (t) => {
	const { trail, open } = await recording(t);
	const { writer, errors } = open();
	writer.start();
	writer.record(happening("x".repeat(4_000)));
	writer.record(happening("good", { justification: "\ud800" }));
	const ticket = writer.record(happening("next"));
	await until("the last one is stored", () => writer.isStored(ticket));
	const exceptions = trail.entries().filter(({ kind }) => kind === "Exception");
	t.is(exceptions.length, 2);
	t.regex(exceptions[0]?.metadata?.why ?? "", /action/);
	t.is(errors.filter((error) => error.startsWith("Spool: ")).length, 2);
	t.deepEqual(actions(trail.entries()), ["next"]);
});

test("a key that fails now and then changes no order", async (t) => {
	const { folder, key, trail, findings } = await recording(t);
	const good = keySigner(createPrivateKey(readFileSync(key, "utf8")));
	let calls = 0;
	const sign = (bytes: Uint8Array) => {
		calls += 1;
		if (calls % 4 === 3) throw new AuditError("SIGN", "not now");
		return good.sign(bytes);
	};
	const { handOver, close } = handOverTo({ url: trail.url });
	const failed: string[] = [];
	const writer = new Writer({
		...{ dir: join(folder, "spool"), log: origin, name: "tester", about: {}, handOver, onEnd: close },
		signer: async () => ({ ...good, sign }),
		onFailed: (where) => failed.push(where),
	});
	t.teardown(() => writer.stop());
	writer.start();
	const steps = Array.from({ length: 6 }, (_, at) => `step ${at}`);
	const tickets = steps.map((step) => writer.record(happening(step)));
	await until("all of it is stored", () => writer.isStored(tickets.at(-1) ?? 0));
	t.true(failed.length > 0);
	t.deepEqual(actions(trail.entries()), steps);
	t.deepEqual(await findings(), []);
});

test("a trail that hangs, refuses or is away holds nothing up, and gets everything when it takes it again", async (t) => {
	const { trail, open, findings } = await recording(t);
	const { writer, errors } = open();
	writer.start();
	trail.mood = "Hangs";
	const one = writer.record(happening("one"));
	await until("it is behind", () => writer.state().kind === "Behind");
	trail.mood = "Refuses";
	trail.cut();
	await until("the refusal is told", () => errors.some((error) => error.includes("503")));
	const two = writer.record(happening("two"));
	t.false(writer.isStored(one));
	trail.mood = "Takes";
	// An entry is in a batch before the round is at its end.
	await until("both are stored", () => writer.isStored(two));
	t.deepEqual(actions(trail.entries()), ["one", "two"]);
	t.deepEqual(await findings(), []);
});

test("a writer keeps its name with its folder; another folder has another name", async (t) => {
	const { trail, open, folder, findings } = await recording(t);
	for (const dir of ["one", "one", "other"]) {
		const { writer } = open(join(folder, dir));
		writer.start();
		const ticket = writer.record(happening(dir));
		await until("it is stored", () => writer.isStored(ticket));
		await writer.stop();
	}
	const names = trail
		.entries()
		.filter(({ kind }) => kind === "Transition")
		.map(({ writer }) => writer.id);
	t.is(names[0], names[1]);
	t.not(names[0], names[2]);
	t.deepEqual(await findings(), []);
});

test("what several record has one id, which is a UUID of version 8", (t) => {
	t.is(idFrom("a"), idFrom("a"));
	t.not(idFrom("a"), idFrom("b"));
	t.regex(idFrom("a"), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("settings: all of them, or none; what is missing or wrong is named", (t) => {
	const all = { "record-spool": "/s", "record-key": "/k", "record-log": "l", "record-to": "http://a:1" };
	t.deepEqual(recordSettings(all), { dir: "/s", key: "/k", log: "l", url: "http://a:1" });
	t.is(recordSettings({}), undefined);
	t.throws(() => recordSettings({ ...all, "record-key": undefined }), { message: /--record-key/ });
	t.throws(() => recordSettings({ ...all, "record-to": "ftp://a" }), { message: /--record-to/ });
});
