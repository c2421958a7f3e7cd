import test from "ava";
import { continueStory } from "../../core/history.ts";
import { type Sighting, sight } from "../../core/sighting.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import { deskOf } from "./desk.ts";

const at = (generation: number, spec: TradingSafetySpec, clearedFor?: number): Sighting => ({
	generation,
	spec,
	time: `t${generation}`,
	...(clearedFor !== undefined && { clearedFor }),
});
const words = (sightings: readonly Sighting[]) =>
	continueStory(undefined, sightings, true).history?.map(({ from, to }) => `${from} > ${to}`);

test("each change of mode or freeze is a row, and nothing else is", (t) => {
	// Given a desk that was created, raised, tripped, frozen and thawed
	const sightings = [
		at(1, { mode: "Pause" }),
		at(2, { mode: "Emergency", setBy: "ada", reason: "loss" }),
		at(3, { mode: "Emergency", trip: { id: "1" } }),
		at(4, { mode: "Emergency", freeze: true }),
		at(5, { mode: "Emergency" }),
	];
	// When its story is told, in any order and with doubles
	const told = words([...sightings.toReversed(), ...sightings]);
	// Then it has these rows, once each
	t.deepEqual(told, [
		"Created > Pause",
		"Pause > Emergency",
		"Emergency > Emergency+Freeze",
		"Emergency+Freeze > Emergency",
	]);
	const rows = continueStory(undefined, sightings, true).history;
	t.like(rows?.[1], { generation: 2, actor: "ada", reason: "loss", time: "t2" });
	t.like(continueStory(undefined, sightings, true).lastTransition, {
		generation: 5,
		to: "Emergency",
		observedAt: "t5",
	});
});

test("a lowering without a clearance for the generation before it is an override", (t) => {
	// Given lowerings that were cleared, cleared for something older, and not at all
	const row = (clearedFor?: number) =>
		continueStory(
			{ observedGeneration: 3, history: [{ generation: 3, from: "", to: "Pause", time: "" }] },
			[at(4, { mode: "Normal" }, clearedFor)],
			true,
		).history?.at(-1);
	// When the story is told, then only the first is no override
	t.is(row(3)?.override, undefined);
	t.true(row(2)?.override);
	t.true(row()?.override);
	// And a raise never is
	const raised = continueStory({ observedGeneration: 3 }, [at(4, { mode: "Emergency" })], true).history?.at(
		-1,
	);
	t.is(raised?.override, undefined);
});

test("generations that nobody saw leave a gap, which accuses nobody", (t) => {
	// Given a status that speaks of generation 3, and a sighting of generation 6
	const status = { observedGeneration: 3, history: [{ generation: 3, from: "", to: "Pause", time: "" }] };
	const same = continueStory(status, [at(6, { mode: "Pause" })], true);
	const milder = continueStory(status, [at(6, { mode: "Normal" })], true);
	// When the story is told
	// Then the row says gap, also when the mode is the same, and no override is claimed
	t.like(same.history?.at(-1), { from: "Pause", to: "Pause", gap: true });
	t.is(same.lastTransition, undefined);
	t.like(milder.history?.at(-1), { to: "Normal", gap: true });
	t.is(milder.history?.at(-1)?.override, undefined);
	t.is(continueStory(status, [at(4, { mode: "Pause" })], true).history?.length, 1);
});

test("a trip counts once, whoever sees it and however often", (t) => {
	// Given a raise by a button, a second press in the halt, and a raise without a trip
	const press = (id: string) => ({ id, type: "Button", source: "serial-1" });
	const sightings = [
		at(1, { mode: "Normal" }),
		at(2, { mode: "Emergency", trip: press("a") }),
		at(3, { mode: "Emergency", trip: press("b") }),
		at(4, { mode: "Pause", trip: press("b"), reason: "checked" }),
		at(5, { mode: "Reduce", trip: press("b"), setBy: "ada" }),
	];
	// When two replicas tell it one after the other
	const first = continueStory(undefined, sightings.slice(0, 3), true);
	const status = { ...first, observedGeneration: 3 };
	const second = continueStory(status, sightings, true);
	const again = continueStory({ ...second, observedGeneration: 5 }, sightings, true);
	// Then each counts once, under its type
	t.like(second.trips, { total: 3, byType: { Button: 2, Manual: 1 } });
	t.like(second.trips?.last, { type: "Manual", by: "ada", mode: "Reduce", generation: 5 });
	t.deepEqual(again, second);
});

test("history keeps 20 rows, the newest", (t) => {
	// Given 30 changes
	const sightings = Array.from({ length: 30 }, (_, i) =>
		at(i + 1, { mode: i % 2 === 0 ? "Pause" : "Normal" }),
	);
	// When the story is told
	const { history } = continueStory(undefined, sightings, true);
	// Then the last 20 stand in it, oldest first
	t.is(history?.length, 20);
	t.deepEqual([history?.[0]?.generation, history?.at(-1)?.generation], [11, 30]);
});

test("types of trips are counted up to a bound, the rest together", (t) => {
	// Given 80 trips of as many types
	const sightings = Array.from({ length: 80 }, (_, i) =>
		at(i + 1, { mode: "Pause", trip: { id: `${i}`, type: `type-${i}` } }),
	);
	// When they are counted
	const { trips } = continueStory(undefined, sightings, true);
	// Then status stays bounded and no trip is lost
	t.is(Object.keys(trips?.byType ?? {}).length, 64);
	t.is(trips?.byType?.Other, 17);
	t.is(trips?.total, 80);
});

test("where nothing stamps who raised, a raise without a name accuses nobody", (t) => {
	// Given a desk that ada lowered, that somebody raised without a word, that ravi pressed for, signed, that
	// somebody froze with a reason alone, and that ravi thawed
	const trip = { id: "1" };
	const versions: readonly TradingSafetySpec[] = [
		{ mode: "Pause", setBy: "cora" },
		{ mode: "Normal", setBy: "ada", reason: "start" },
		{ mode: "Emergency", setBy: "ada", reason: "start" },
		{ mode: "Emergency", setBy: "ravi", reason: "loss", trip },
		{ mode: "Emergency", setBy: "ravi", reason: "worse", trip, freeze: true },
		{ mode: "Emergency", setBy: "ravi", reason: "checked", trip },
	];
	const desks = versions.map((spec, index) => deskOf(spec, undefined, index + 1));
	const sightings = desks.map((desk, index) => sight(desk, `t${index}`, desks[index - 1]));
	const told = (stamped: boolean, seen = sightings) =>
		continueStory(undefined, seen, stamped).history?.map(({ to, actor, reason }) => [to, actor, reason]);
	// When the story is told
	const rows = told(false);
	// Then a name and a reason stand only where they were new, or where a lowering had to carry them
	t.deepEqual(rows, [
		["Pause", "cora", undefined],
		["Normal", "ada", "start"],
		["Emergency", undefined, undefined],
		["Emergency+Freeze", undefined, "worse"],
		["Emergency", "ravi", "checked"],
	]);
	const last = (count: number) => continueStory(undefined, sightings.slice(0, count), false).trips?.last;
	t.deepEqual([last(3)?.by, last(3)?.reason], [undefined, undefined]);
	t.like(last(4), { by: "ravi", reason: "loss" });
	t.deepEqual([last(5)?.by, last(5)?.reason], [undefined, "worse"]);
	// Then nobody is named whose version came after one that was not seen
	const status = { observedGeneration: 2, history: [{ generation: 2, from: "", to: "Normal", time: "" }] };
	const alone = deskOf({ mode: "Emergency", setBy: "ada", reason: "start" }, undefined, 3);
	t.deepEqual(continueStory(status, [sight(alone, "t")], false).history?.at(-1), {
		generation: 3,
		from: "Normal",
		to: "Emergency",
		time: "t",
	});
	t.is(sight(alone, "t", desks[0]).before, undefined);
	// Then a policy that stamps makes every name and reason true
	t.deepEqual(told(true)?.slice(2, 4), [
		["Emergency", "ada", "start"],
		["Emergency+Freeze", "ravi", "worse"],
	]);
});
