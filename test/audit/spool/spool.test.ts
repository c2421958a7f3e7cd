import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, cpSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { AuditError, isAuditError } from "../../../audit/error.ts";
import { type AppendFile, diskFiles, type SpoolFiles } from "../../../audit/spool/files.ts";
import { type Make, Spool } from "../../../audit/spool/spool.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { until } from "../../support/until.ts";
import { append, expected, handedOver, make, open, places, segmentsIn } from "./support.ts";

test("what was appended is there in order when it is opened again, until it is in the log", async (t) => {
	// Given a spool of which a part is in the log
	const dir = temporaryFolder(t, "spool");
	const first = await Spool.open(dir);
	t.deepEqual(
		await append(first, 50),
		Array.from({ length: 50 }, (_, at) => at),
	);
	await first.done(await first.oldest(20));
	await first.close();
	// When it is opened again, then another epoch begins, after what is left
	const second = await Spool.open(dir);
	t.true(second.epoch > first.epoch);
	t.deepEqual(second.before, { epoch: first.epoch, entries: 50 });
	t.deepEqual(await append(second, 5), [0, 1, 2, 3, 4]);
	t.deepEqual(await handedOver(second), [...expected(first.epoch, 20, 50), ...expected(second.epoch, 0, 5)]);
	await second.close();
	const third = await open(t, dir);
	t.is(third.length, 0);
	t.true(third.epoch > second.epoch);
	t.deepEqual(await append(third, 1), [0]);
	t.deepEqual(third.damages, []);
});

test("a folder that was set back takes no number that was used: nothing new is taken for something old", async (t) => {
	// Given a copy of a spool, made before its last entries
	const [dir, copy] = [temporaryFolder(t, "spool"), temporaryFolder(t, "spool")];
	const first = await Spool.open(dir);
	await append(first, 2);
	cpSync(dir, copy, { recursive: true });
	await append(first, 3);
	const used = await handedOver(first);
	await first.close();
	// When the copy takes its place, and what happens then is recorded there
	const restored = await open(t, copy);
	await append(restored, 4);
	const there = await handedOver(restored);
	// Then what is new is so for whoever has seen all before
	t.deepEqual(
		there.filter((one) => !used.includes(one)),
		expected(restored.epoch, 0, 4),
	);
});

test("a later epoch comes after the others by name, whatever the clock says", async (t) => {
	const dir = temporaryFolder(t, "spool");
	const future = "2999-12-31T23-59-59-999Z-abcdef";
	writeFileSync(join(dir, "done.json"), JSON.stringify({ [future]: 3 }));
	const spool = await open(t, dir);
	t.true(spool.epoch > future);
	t.regex(spool.epoch, /^3000-01-01T00-00-00-000Z-[0-9a-f]{6}$/);
});

test("two processes cannot have one spool; when one is killed the other can", async (t) => {
	const dir = temporaryFolder(t, "spool");
	const child = startAppender(t, dir);
	await until("it has appended", () => child.counters.length > 0);
	const error = await t.throwsAsync(Spool.open(dir));
	t.true(isAuditError(error, "SPOOL"));
	t.regex(error?.message ?? "", /lock\.db cannot be locked: .*another process.*a folder of its own/);
	await child.kill();
	await open(t, dir);
});

test("SIGKILL at any moment: whatever was promised is there, once, in order", async (t) => {
	t.timeout(120_000);
	const dir = temporaryFolder(t, "spool");
	const promised: string[] = [];
	for (let round = 0; round < 6; round += 1) {
		const child = startAppender(t, dir);
		const enough = 5 + round * 37;
		await until("it has appended", () => child.counters.length > enough, { intervalMilliseconds: 1 });
		await child.kill();
		promised.push(...child.counters);
	}
	const spool = await open(t, dir);
	const there = await handedOver(spool);
	const byEpoch = Map.groupBy(there, (one) => one.split(" ")[0] ?? "");
	for (const [epoch, own] of byEpoch) t.deepEqual(own, expected(epoch, 0, own.length));
	t.deepEqual([...byEpoch.keys()], [...byEpoch.keys()].sort());
	const set = new Set(there);
	t.deepEqual(
		promised.filter((one) => !set.has(one)),
		[],
	);
	t.is(new Set(promised).size, promised.length);
});

function startAppender(t: ExecutionContext, dir: string) {
	const main = fileURLToPath(new URL("appender.ts", import.meta.url));
	const child: ChildProcess = spawn(process.execPath, [main, dir], { stdio: ["ignore", "pipe", "inherit"] });
	let text = "";
	child.stdout?.setEncoding("utf8").on("data", (more: string) => {
		text += more;
	});
	const ended = once(child, "close");
	t.teardown(() => child.kill("SIGKILL"));
	return {
		/** A line that was not written to its end was promised as well, but which one it was is lost. */
		get counters() {
			return text.split("\n").slice(0, -1);
		},
		kill: async () => {
			child.kill("SIGKILL");
			await ended;
		},
	};
}

test("cut off at any byte it begins with all records that are whole", async (t) => {
	t.timeout(120_000);
	const dir = temporaryFolder(t, "spool");
	const first = await Spool.open(dir);
	await append(first, 3);
	await first.close();
	const [name = ""] = segmentsIn(dir);
	const content = readFileSync(join(dir, name));
	const ends = [...content.entries()].flatMap(([at, byte]) => (byte === 10 ? [at + 1] : []));
	for (let length = 0; length <= content.length; length += length % 97 === 0 ? 1 : 13) {
		const other = temporaryFolder(t, "spool");
		writeFileSync(join(other, name), content.subarray(0, length));
		const spool = await Spool.open(other);
		const whole = ends.filter((end) => end <= length).length;
		t.deepEqual(await places(spool), expected(first.epoch, 0, whole), `${length} bytes`);
		t.is(spool.damages.length, ends.includes(length) || length === 0 ? 0 : 1);
		t.deepEqual(await append(spool, 1), [0]);
		await spool.close();
		const again = await Spool.open(other);
		t.deepEqual(again.damages, []);
		t.deepEqual(await handedOver(again), [
			...expected(first.epoch, 0, whole),
			...expected(spool.epoch, 0, 1),
		]);
		await again.close();
	}
});

for (const which of [1, 4]) {
	test(`a byte of record ${which} of 5 that changed is no torn end: it is told of, and kept`, async (t) => {
		const dir = temporaryFolder(t, "spool");
		const first = await Spool.open(dir);
		await append(first, 5);
		await first.close();
		const [name = ""] = segmentsIn(dir);
		const content = readFileSync(join(dir, name));
		const ends = [...content.entries()].flatMap(([at, byte]) => (byte === 10 ? [at + 1] : []));
		const changed = (ends[which - 1] ?? 0) + 40;
		content[changed] = (content[changed] ?? 0) ^ 1;
		writeFileSync(join(dir, name), content);
		const spool = await open(t, dir);
		t.deepEqual(spool.damages, [
			{ kind: "Damaged", file: join(dir, name), epoch: first.epoch, counter: which },
		]);
		t.deepEqual(await places(spool), expected(first.epoch, 0, which));
		t.deepEqual(readFileSync(join(dir, name)), content);
		t.deepEqual(await append(spool, 1), [0]);
	});
}

/** A disk that fails when it is told to. */
function failingDisk() {
	const disk = { fails: undefined as string | undefined, half: false };
	const check = () => {
		if (disk.fails !== undefined) throw Object.assign(new Error(disk.fails), { code: disk.fails });
	};
	const wrap = (file: AppendFile, path: string): AppendFile => ({
		async append(bytes) {
			if (disk.fails !== undefined && disk.half) appendFileSync(path, bytes.subarray(0, bytes.length / 2));
			check();
			await file.append(bytes);
		},
		close: () => file.close(),
	});
	const files: SpoolFiles = {
		...diskFiles,
		async create(dir, path) {
			check();
			return wrap(await diskFiles.create(dir, path), path);
		},
	};
	return { disk, files };
}

for (const [code, half] of [
	["ENOSPC", true],
	["EIO", true],
	["EIO", false],
] as const) {
	test(`${code}${half ? " with half of it written" : ""}: it is told of, and goes on when the disk does`, async (t) => {
		const dir = temporaryFolder(t, "spool");
		const { disk, files } = failingDisk();
		const spool = await Spool.open(dir, files);
		await append(spool, 2);
		t.is(await spool.problem(), undefined);
		// When the disk fails
		Object.assign(disk, { fails: code, half });
		for (let turn = 0; turn < 3; turn += 1) {
			const error = await t.throwsAsync(spool.append(make), { instanceOf: AuditError });
			t.is(error?.code, "SPOOL");
			t.regex(error?.message ?? "", new RegExp(`not recorded in ${dir}.*${code}`));
		}
		t.regex((await spool.problem()) ?? "", new RegExp(code));
		// When it works again, then the counter goes on where it was
		disk.fails = undefined;
		t.deepEqual(await append(spool, 2), [2, 3]);
		t.is(await spool.problem(), undefined);
		await spool.close();
		const again = await open(t, dir);
		t.deepEqual(await places(again), expected(spool.epoch, 0, 4));
		t.deepEqual(await append(again, 1), [0]);
	});
}

test("an entry that cannot be made uses up no counter, and none that came after it goes before it", async (t) => {
	const spool = await open(t, temporaryFolder(t, "spool"));
	const wrong: Make = async () => {
		throw new AuditError("SIGN", "no");
	};
	for (const makes of [
		[make, wrong, make],
		[wrong, make, make],
	]) {
		const outcomes = await Promise.allSettled(makes.map((one) => spool.append(one)));
		const at = makes.indexOf(wrong);
		t.deepEqual(
			outcomes.map(({ status }) => status),
			makes.map((_, index) => (index < at ? "fulfilled" : "rejected")),
		);
	}
	t.deepEqual(await append(spool, 1), [1]);
	t.deepEqual(await places(spool), expected(spool.epoch, 0, 2));
});

test("what comes together is synced together", async (t) => {
	let syncs = 0;
	const counting: SpoolFiles = {
		...diskFiles,
		create: async (dir, path) => {
			const file = await diskFiles.create(dir, path);
			return {
				append: (bytes) => {
					syncs += 1;
					return file.append(bytes);
				},
				close: () => file.close(),
			};
		},
	};
	const spool = await open(t, temporaryFolder(t, "spool"), counting);
	t.is((await append(spool, 50)).length, 50);
	t.is(syncs, 1);
});

test("what is noted as in the log may be lost or torn: then it is handed over again", async (t) => {
	const dir = temporaryFolder(t, "spool");
	const first = await Spool.open(dir);
	await append(first, 3);
	await first.done(await first.oldest(2));
	await first.close();
	truncateSync(join(dir, "done.json"), 3);
	t.deepEqual(await places(await open(t, dir)), expected(first.epoch, 0, 3));
});

test("what is appended the moment that another one is on the disk is not left lying", async (t) => {
	const spool = await open(t, temporaryFolder(t, "spool"));
	for (let counter = 0; counter < 20; counter += 1) t.is(await spool.append(make), counter);
});
