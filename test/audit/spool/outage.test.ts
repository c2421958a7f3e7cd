import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import test from "ava";
import { diskFiles, type SpoolFiles } from "../../../audit/spool/files.ts";
import { type Make, Spool } from "../../../audit/spool/spool.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { until } from "../../support/until.ts";
import { entryOf, signed } from "../entries.ts";
import { append, expected, handedOver, make, open, segmentsIn, signer } from "./support.ts";

test("a disk that fills up gets back what is wholly in the log, and one whose file was taken away is told of", async (t) => {
	// Given files that are wholly in the log, and a disk on which nothing more can be noted
	const dir = temporaryFolder(t, "spool");
	const first = await Spool.open(dir);
	await append(first, 3);
	await first.close();
	let used = 0.5;
	const files: SpoolFiles = {
		...diskFiles,
		used: async () => used,
		replace: async (...args) => {
			if (used > 0.9) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
			await diskFiles.replace(...args);
		},
	};
	const spool = await open(t, dir, files);
	await append(spool, 1);
	t.is(segmentsIn(dir).length, 2);
	used = 0.95;
	// When the store has taken all of it
	await t.throwsAsync(spool.done(await spool.oldest(10)));
	// Then the older file is gone
	t.is(segmentsIn(dir).length, 1);
	used = 0.5;
	await spool.done(await spool.oldest(10));
	t.is(await spool.problem(), undefined);
	// When the folder goes while it is written to
	rmSync(dir, { recursive: true });
	t.regex((await spool.problem()) ?? "", /was taken away while it is written to/);
});

test("a disk that hangs holds one call, not one for each that waits", async (t) => {
	// Given a disk that stops to answer
	let under = 0;
	let most = 0;
	const { promise: answered, resolve } = Promise.withResolvers<void>();
	let hangs = false;
	const hanging =
		<A extends readonly unknown[], R>(act: (...args: A) => Promise<R>) =>
		async (...args: A): Promise<R> => {
			under += 1;
			most = Math.max(most, under);
			if (hangs) await answered;
			under -= 1;
			return act(...args);
		};
	const files: SpoolFiles = {
		...diskFiles,
		create: async (dir, path) => {
			const file = await diskFiles.create(dir, path);
			return { append: hanging(file.append), close: file.close };
		},
		used: hanging(diskFiles.used),
		replace: hanging(diskFiles.replace),
	};
	const spool = await open(t, temporaryFolder(t, "spool"), files);
	await append(spool, 1);
	hangs = true;
	// When all that a spool does waits for it
	const all = [spool.append(make), spool.problem(), spool.problem(), spool.done(await spool.oldest(1))];
	await until("one has begun", () => under > 0);
	resolve();
	await Promise.all(all);
	// Then it was asked one thing at a time
	t.is(most, 1);
});

test("of a long outage most is left on the disk, and read again in its order", async (t) => {
	t.timeout(120_000);
	// Given entries in several files
	const read: string[] = [];
	const files: SpoolFiles = {
		...diskFiles,
		read: (path) => {
			read.push(path);
			return diskFiles.read(path);
		},
	};
	const dir = temporaryFolder(t, "spool");
	const spool = await open(t, dir, files);
	const long = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`part${at}`, "x".repeat(4_000)]));
	const large: Make = ({ epoch, counter }) =>
		signed(signer, entryOf(counter, { writer: { id: "w", epoch, counter }, metadata: long }));
	for (let count = 0; count < 300; count += 1) await spool.append(large);
	const segments = segmentsIn(dir);
	t.true(segments.length >= 4);
	t.is(spool.length, 300);
	t.deepEqual(read, []);
	// When some are in the log, and then all of them
	const some = await spool.oldest(100);
	await spool.done(some);
	t.is(spool.length, 200);
	t.deepEqual(await handedOver(spool), expected(spool.epoch, 100, 300));
	// Then those between the first file and the last were read from the disk
	t.deepEqual(
		read.map((path) => basename(path)),
		segments.slice(1, -1),
	);
	// When one of them is not there any more, that is told
	for (let count = 0; count < 300; count += 1) await spool.append(large);
	rmSync(join(dir, segmentsIn(dir).at(-5) ?? ""));
	await t.throwsAsync(handedOver(spool), { message: /cannot be read: ENOENT/ });
});
