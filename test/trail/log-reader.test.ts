import test from "ava";
import type { Entry } from "../../audit/entry.ts";
import { folders } from "../../audit/layout.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Sequencer } from "../../audit/log/sequencer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { LogReader } from "../../trail/log-reader.ts";
import { DeskStates } from "../../trail/states.ts";
import { entryOf, origin, signed, signerFor } from "../audit/entries.ts";

const entries = signerFor("Entries");
const signer = signerFor("Checkpoints");
const keys = initialKeys([entries.publicKey]);

/** A log, and what puts a round into it. */
async function logOf(store: MemoryStore) {
	const sequencer = await Sequencer.open({ store, origin, signer, keys });
	return async (...rest: readonly Partial<Entry>[]) => {
		const first = sequencer.size;
		const all = await Promise.all(rest.map((one, at) => signed(entries, entryOf(first + at, one))));
		await sequencer.append(all);
		return { first, signed: all };
	};
}

const raised = (desk: string, mode: string): Partial<Entry> => ({
	entity: { type: "TradingSafety", id: `${desk}/desk`, uid: `uid-${desk}` },
	after: { generation: 3, values: { mode } },
});
const modes = (reader: LogReader) =>
	Object.fromEntries(
		(reader.states(true)?.states ?? []).map(({ entity, after }) => [entity.id, after.values?.mode]),
	);

test("the last state of each desk is told, whoever writes and whenever it is looked at", async (t) => {
	const store = new MemoryStore();
	const reader = new LogReader(store);
	t.is(reader.states(true), undefined);
	await reader.look();
	t.deepEqual(reader.states(true), { size: 0, isComplete: true, isCurrent: true, states: [] });
	t.is(await reader.checkpoint(), undefined);
	const append = await logOf(store);
	await append(raised("a", "Pause"), raised("b", "Reduce"), raised("a", "Emergency"));
	await append({ ...raised("b", "Normal"), kind: "Claim" }, { entity: { type: "Bot", id: "a/desk" } });
	// One that follows, and one that begins now
	const late = new LogReader(store);
	for (const one of [reader, late]) {
		await one.look();
		t.deepEqual(modes(one), { "a/desk": "Emergency", "b/desk": "Reduce" });
		t.like(one.states(false), { size: 5, isComplete: true, isCurrent: false });
		t.regex((await one.checkpoint()) ?? "", /^log\.example\n5\n/);
	}
	// One that is told of a round does not read it; of one that it has not seen before, it reads both
	const told = await append(raised("a", "Pause"));
	const { reads } = store;
	reader.wrote(told.first, told.signed);
	t.deepEqual(modes(reader), { "a/desk": "Pause", "b/desk": "Reduce" });
	await reader.look();
	t.is(store.reads, reads);
	const unseen = await append(raised("b", "Emergency"));
	late.wrote(unseen.first, unseen.signed);
	await late.look();
	t.deepEqual(modes(late), { "a/desk": "Pause", "b/desk": "Emergency" });
});

test("of a long log the end is read, and that it is only that is said", async (t) => {
	const store = new MemoryStore();
	const append = await logOf(store);
	await append(raised("old", "Emergency"));
	for (let at = 0; at < 12; at += 1) {
		await append(...Array.from({ length: 25 }, () => raised("busy", "Pause")));
	}
	const reader = new LogReader(store, 100);
	const { reads } = store;
	await reader.look();
	t.like(reader.states(true), { size: 301, isComplete: false });
	t.deepEqual(modes(reader), { "busy/desk": "Pause" });
	t.is(store.reads - reads, 4);
});

test("a round that has not ended is not read", async (t) => {
	const store = new MemoryStore();
	const append = await logOf(store);
	await append(raised("a", "Pause"));
	const reader = new LogReader(store);
	await reader.look();
	store.onPut = (key) => {
		if (key.startsWith(folders.manifest)) throw new Error("killed");
	};
	await t.throwsAsync(append(raised("a", "Normal")), { message: "killed" });
	await reader.look();
	t.deepEqual(modes(reader), { "a/desk": "Pause" });
});

test("of two entries about a desk the later one counts, in whatever order they are read", (t) => {
	const states = new DeskStates();
	states.note(7, entryOf(7, raised("a", "Emergency")));
	states.note(3, entryOf(3, raised("a", "Normal")));
	t.like(states.all(), [{ index: 7, after: { values: { mode: "Emergency" } } }]);
});

/** How a desk stands at a generation, and in which version. */
const at = (generation: number, mode: string, resourceVersion?: string, uid = "u1"): Partial<Entry> => ({
	entity: { type: "TradingSafety", id: "a/desk", uid },
	after: { generation, values: { mode }, ...(resourceVersion !== undefined && { resourceVersion }) },
});

/** What is known after entries at these indices, in either order. */
function stateAfter(
	...told: readonly (readonly [number, Partial<Entry>])[]
): readonly (string | undefined)[] {
	return [told, told.toReversed()].map((some) => {
		const states = new DeskStates();
		for (const [index, entry] of some) states.note(index, entryOf(index, entry));
		return states.all()[0]?.after.values?.mode;
	});
}

test("a replica that brings late what it saw long ago does not turn the state back", (t) => {
	// Given a desk in Emergency, and an earlier Normal that came into the log after it
	const late = [
		[100, at(10, "Emergency")],
		[101, at(5, "Normal")],
	] as const;
	t.deepEqual(stateAfter(...late), ["Emergency", "Emergency"]);
	// And with versions
	const versioned = [
		[100, at(10, "Emergency", "900")],
		[101, at(5, "Normal", "800")],
	] as const;
	t.deepEqual(stateAfter(...versioned), ["Emergency", "Emergency"]);
	// Given a cluster that was led back: its generations count anew, and the later version counts
	const restored = [
		[100, at(10, "Emergency", "900")],
		[101, at(6, "Normal", "1001")],
	] as const;
	t.deepEqual(stateAfter(...restored), ["Normal", "Normal"]);
});

test("a desk made anew is another one, also when something late is told of the one before", (t) => {
	const anew = [
		[100, at(10, "Emergency", "900", "old")],
		[101, at(1, "Pause", "950", "new")],
		[102, at(10, "Reduce", "940", "old")],
	] as const;
	t.deepEqual(stateAfter(...anew), ["Pause", "Pause"]);
});
