import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Remembered } from "../../core/memory.ts";
import type { TradingSafety } from "../../crds/types.ts";
import type { OperatorError } from "../../operator/error.ts";
import { Memory } from "../../operator/memory.ts";
import { StateDir } from "../../operator/state-dir.ts";
import { deskOf } from "../core/desk.ts";
import { temporaryFolder } from "../support/folder.ts";
import { until } from "../support/until.ts";

const clock = { now: () => "2026-01-01T00:00:10.000Z" };
const remembered: Remembered = {
	uid: "desk-uid",
	generation: 7,
	resourceVersion: "100",
	mode: "Emergency",
	freeze: false,
	enforces: true,
	targetModes: { bot: "Reduce" },
	recordedAt: { bot: "2026-01-01T00:00:05Z" },
	time: clock.now(),
};

function stateDir(t: ExecutionContext, dir: string) {
	const errors: OperatorError[] = [];
	const state = new StateDir(dir, (error) => errors.push(error));
	t.teardown(() => state.stop());
	return { state, errors };
}

const onDisk = async (dir: string, namespace: string) =>
	JSON.parse(await readFile(join(dir, `${namespace}.json`), "utf8").catch(() => "{}")).desk as
		| Remembered
		| undefined;
const desk = (mode: "Normal" | "Emergency", generation: number): TradingSafety =>
	deskOf({ mode }, undefined, generation);

test("what is kept is there again in another life, and nothing is left beside it", async (t) => {
	// Given a directory that is not there yet, to which much was written
	const dir = join(temporaryFolder(t, "state"), "deep", "down");
	const { state } = stateDir(t, dir);
	t.is((await state.load()).size, 0);
	for (let generation = 1; generation <= 50; generation++) state.keep("eu", { ...remembered, generation });
	state.keep("us", remembered);
	state.keep("asia", remembered);
	state.keep("asia", undefined);
	// When it ends, and another begins
	await state.stop();
	const { state: next, errors } = stateDir(t, dir);
	const found = await next.load();
	// Then it finds the last that was kept
	t.deepEqual(
		[...found],
		[
			["eu", { ...remembered, generation: 50 }],
			["us", remembered],
		],
	);
	t.deepEqual((await readdir(dir)).sort(), ["eu.json", "us.json"]);
	t.deepEqual(errors, []);
	t.is(next.problem(), undefined);
});

test("a torn or foreign file counts as nothing remembered, and is told of", async (t) => {
	// Given a good file, and others that are torn, empty, of another desk, of another version, or nonsense
	const dir = temporaryFolder(t, "state");
	const { state } = stateDir(t, dir);
	await state.load();
	state.keep("good", remembered);
	await state.stop();
	const good = await readFile(join(dir, "good.json"), "utf8");
	const bad = {
		torn: good.slice(0, -20),
		empty: "",
		other: good,
		version: good.replace('"version":1,"namespace":"good"', '"version":2,"namespace":"version"'),
		mode: good.replace('"namespace":"good"', '"namespace":"mode"').replace("Emergency", "Banana"),
		list: "[]",
	};
	for (const [name, content] of Object.entries(bad)) await writeFile(join(dir, `${name}.json`), content);
	await writeFile(join(dir, "good.json.new"), good.slice(0, 10));
	// When it is read
	const { state: next, errors } = stateDir(t, dir);
	const found = await next.load();
	// Then only the good one is remembered, and each of the others is an error that names it
	t.deepEqual([...found.keys()], ["good"]);
	t.deepEqual(
		Object.keys(bad).filter((name) => !errors.some(({ message }) => message.includes(`${name}.json`))),
		[],
	);
	t.true(errors.every(({ code }) => code === "STATE"));
	// Then what is remembered from then on takes its place
	next.keep("torn", remembered);
	await until(
		"it is whole",
		async () => (await onDisk(dir, "torn").catch(() => undefined))?.generation === 7,
	);
});

test("a directory that cannot be written is a problem that is said, and holds nothing up", async (t) => {
	// Given a file in the place of the directory
	const dir = join(temporaryFolder(t, "state"), "file");
	await writeFile(dir, "");
	const { state, errors } = stateDir(t, dir);
	const memory = new Memory(clock, state);
	await memory.load(() => {});
	// When a desk is seen, then it is remembered all the same, and the problem is there
	t.is(memory.take(desk("Emergency", 7)).recovery, undefined);
	t.is(memory.take(desk("Normal", 6)).recovery?.mode, "Emergency");
	await until("writing failed", () => errors.some(({ message }) => message.startsWith("cannot write")));
	t.regex(state.problem() ?? "", /cannot write to the state directory/);
});

test("a desk that was seen before the directory was read is judged by it, and never overwrites it", async (t) => {
	// Given a directory that remembers Emergency, and takes its time
	const dir = temporaryFolder(t, "state");
	const { state: before } = stateDir(t, dir);
	await before.load();
	before.keep("eu", remembered);
	await before.stop();
	const { state } = stateDir(t, dir);
	const gate = Promise.withResolvers<void>();
	const slow = {
		load: async () => {
			await gate.promise;
			return state.load();
		},
		keep: state.keep.bind(state),
	};
	const memory = new Memory(clock, slow);
	const recoveries: unknown[] = [];
	const loading = memory.load(() => recoveries.push(memory.take(desk("Normal", 6)).recovery?.mode));
	// When a milder desk is seen first
	t.is(memory.take(desk("Normal", 6)).recovery, undefined);
	t.is((await onDisk(dir, "eu"))?.mode, "Emergency");
	gate.resolve();
	await loading;
	// Then it is found out as soon as the directory was read, which still says Emergency
	t.deepEqual(recoveries, ["Emergency"]);
	await until("the regression is on disk", async () => (await onDisk(dir, "eu"))?.untold === true);
	t.is((await onDisk(dir, "eu"))?.mode, "Emergency");
});

test("a desk that is deleted in Normal is forgotten, a halted one is not", async (t) => {
	// Given two desks that are remembered
	const dir = temporaryFolder(t, "state");
	const { state } = stateDir(t, dir);
	const memory = new Memory(clock, state);
	await memory.load(() => {});
	const of = (namespace: string, object: TradingSafety) => ({
		...object,
		metadata: { ...object.metadata, namespace },
	});
	memory.take(of("open", desk("Normal", 3)));
	memory.take(of("halted", desk("Emergency", 3)));
	await until("both are on disk", async () => (await readdir(dir)).length === 2);
	// When both are deleted
	memory.lose("open");
	memory.lose("halted");
	// Then one is remembered, also on disk
	t.deepEqual([...memory.all().keys()], ["halted"]);
	await until("one is left", async () => (await readdir(dir)).join() === "halted.json");
});
