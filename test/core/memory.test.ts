import test from "ava";
import { isForgettable, type Remembered, recall, recollect } from "../../core/memory.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { deskOf, target } from "./desk.ts";

const now = "2026-01-01T00:00:10.000Z";
const targets = [target("bot"), target("risk", { preset: "Risk" })];
const desk = (spec: TradingSafetySpec, generation: number, status?: TradingSafetyStatus) =>
	deskOf({ targets, ...spec }, status, generation);
const anew = (object: TradingSafety): TradingSafety => ({
	...object,
	metadata: { ...object.metadata, uid: "another-uid" },
});

/** What is remembered of a desk that was seen. */
function seen(object: TradingSafety, before?: Remembered): Remembered {
	return recollect(before, object, false, now).memory;
}

const emergency = seen(desk({ mode: "Emergency" }, 7));

test("a desk that moves on is followed, up and down", (t) => {
	// Given what is remembered of a desk in Emergency
	// When later generations of it are milder, or as severe
	// Then they are remembered, and nothing is to be mended
	for (const mode of ["Pause", "Emergency", "Normal"] as const) {
		const { memory, recovery } = recollect(emergency, desk({ mode }, 8), false, now);
		t.is(recovery, undefined);
		t.like(memory, { mode, generation: 8, uid: "desk-uid" });
	}
	// Then the same version again changes nothing, not even the time
	t.is(recollect(emergency, desk({ mode: "Emergency" }, 7), false, "later").memory, emergency);
});

for (const { how, found, isOlder = false } of [
	{ how: "an earlier generation", found: desk({ mode: "Normal" }, 6) },
	{ how: "another state of the same generation", found: desk({ mode: "Normal" }, 7) },
	{ how: "a later generation of an earlier version", found: desk({ mode: "Normal" }, 9), isOlder: true },
	{ how: "another object", found: anew(desk({ mode: "Normal" }, 9)) },
]) {
	test(`${how} that is milder is raised to what is remembered`, (t) => {
		// Given what is remembered of a desk in Emergency
		// When that is found instead
		const { memory, recovery } = recollect(emergency, found, isOlder, now);
		// Then it is to be raised, and what is remembered stays
		t.is(recovery?.mode, "Emergency");
		t.is(recovery?.freeze, undefined);
		t.regex(recovery?.remembered ?? "", /^Emergency at generation 7, uid desk-uid/);
		t.regex(recovery?.found ?? "", /^Normal at generation/);
		t.like(memory, { mode: "Emergency", uid: "desk-uid", generation: 7, untold: true });
		t.is(memory.regressed?.generation, found.metadata.generation);
	});
	test(`${how} that is as severe or more is taken as it is`, (t) => {
		// Given what is remembered of a desk in Emergency
		// When it is found in Emergency and frozen
		const severe = { ...found, spec: { ...found.spec, mode: "Emergency" as const, freeze: true } };
		const { memory, recovery } = recollect(emergency, severe, isOlder, now);
		// Then that is remembered from now on
		t.is(recovery, undefined);
		t.like(memory, { mode: "Emergency", freeze: true, uid: found.metadata.uid });
		t.is(memory.regressed, undefined);
	});
}

test("freeze and the modes of targets come back too, of targets that are there", (t) => {
	// Given what is remembered of a frozen desk with targets raised by themselves
	const raised = { bot: "Reduce", risk: "Pause", nobody: "Emergency" } as const;
	const memory = seen(desk({ mode: "Pause", freeze: true, targetModes: raised }, 7));
	// When it is found in Normal with less
	const { recovery } = recollect(
		memory,
		desk({ mode: "Normal", targetModes: { bot: "Pause" } }, 3),
		false,
		now,
	);
	// Then each is to be raised that the mode does not reach
	t.like(recovery, { mode: "Pause", freeze: true });
	t.deepEqual(recovery?.targetModes, { bot: "Reduce" });
});

test("a desk that enforced and is found to observe is a regression, until it enforces again", (t) => {
	// Given what is remembered of a desk in Pause that enforced
	const memory = seen(desk({ mode: "Pause" }, 7));
	// When an earlier generation is found that only observes
	const found = desk({ mode: "Pause", enforcement: "Observe" }, 6);
	const first = recollect(memory, found, false, now);
	// Then enforcing is missed, and nothing else
	const { remembered, ...missed } = first.recovery ?? {};
	t.like(missed, { enforces: true, found: "Pause+Observe at generation 6, uid desk-uid" });
	t.deepEqual(Object.keys(missed).toSorted(), ["enforces", "found"]);
	t.like(first.memory.regressed, { generation: 6, remembered });
	// When it moves on as it is, then it stays one
	const later = recollect(first.memory, desk({ mode: "Pause", enforcement: "Observe" }, 8), false, now);
	t.true(later.recovery?.enforces);
	// When a person lets it enforce, then there is nothing to mend, and the hold is still to be told
	const mended = recollect(later.memory, desk({ mode: "Pause" }, 9), false, now);
	t.is(mended.recovery, undefined);
	t.like(mended.memory, { enforces: true, untold: true });
	// When a person lets it observe by a later generation, then that is no regression
	t.is(recollect(memory, desk({ mode: "Pause", enforcement: "Observe" }, 8), false, now).recovery, undefined);
});

test("a regression stays one until it is mended, however often the desk is patched meanwhile", (t) => {
	// Given a regression that was found, and generations that pass what is remembered
	let memory = recollect(emergency, desk({ mode: "Normal" }, 6), false, now).memory;
	for (const generation of [7, 8, 9]) {
		const next = recollect(memory, desk({ mode: "Normal" }, generation), false, now);
		t.is(next.recovery?.mode, "Emergency");
		memory = next.memory;
	}
	// When the desk is raised
	const raised = desk({ mode: "Emergency" }, 10);
	memory = seen(raised, memory);
	// Then there is nothing left to raise, and status is still to be told
	t.like(memory, { generation: 10, untold: true });
	t.is(recall(raised, memory).status?.regressed?.generation, 9);
	// When a status carries it, then it is told no more
	const told = desk({ mode: "Emergency" }, 10, recall(raised, memory).status);
	memory = seen(told, memory);
	t.is(memory.untold, undefined);
	t.truthy(memory.regressed);
	t.is(recall(told, memory), told);
	// When the leader takes it away after a lowering, then it is forgotten
	memory = seen(desk({ mode: "Pause" }, 11), memory);
	t.is(memory.regressed, undefined);
});

test("a hold that is lost with a second restore is told again", (t) => {
	// Given a desk in Emergency whose status carries a regression
	const regressed = { at: now, generation: 6, remembered: "Emergency", found: "Normal" };
	const memory = seen(desk({ mode: "Emergency" }, 7, { regressed }));
	t.false(isForgettable({ ...memory, mode: "Normal" }));
	// When history goes back to before, but not to something milder
	const found = desk({ mode: "Emergency" }, 5);
	const next = recollect(memory, found, false, now);
	// Then nothing is to be raised, and the hold stands again
	t.is(next.recovery, undefined);
	t.is(recall(found, next.memory).status?.regressed?.generation, 5);
});

test("what status lost of records and of the last raise is put back while the desk is halted", (t) => {
	// Given a halted desk, remembered with the times of its records and of its last raise
	const at = "2026-01-01T00:00:03Z";
	const status = { targets: [{ name: "bot", recordedAt: at }], trips: { total: 2, last: { time: at } } };
	const memory = seen(desk({ mode: "Emergency" }, 7, status));
	t.deepEqual(memory.recordedAt, { bot: at });
	// When it is read without, as another object or as the same
	for (const bare of [desk({ mode: "Emergency" }, 7), anew(desk({ mode: "Emergency" }, 1))]) {
		const recalled = recall(bare, seen(bare, memory));
		// Then both are there
		t.is(recalled.status?.targets?.find(({ name }) => name === "bot")?.recordedAt, at);
		t.is(recalled.status?.trips?.last?.time, at);
	}
	// When it moves on to Normal, then they are forgotten
	const open = seen(desk({ mode: "Normal" }, 8), memory);
	t.deepEqual(open.recordedAt, {});
	t.is(open.raisedAt, undefined);
	t.true(isForgettable(open));
});
