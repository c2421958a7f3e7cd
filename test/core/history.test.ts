import test from "ava";
import { continueStory } from "../../core/history.ts";
import type { Sighting } from "../../core/sighting.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";

const at = (generation: number, spec: TradingSafetySpec, clearedFor?: number): Sighting => ({
	generation,
	spec,
	time: `t${generation}`,
	...(clearedFor !== undefined && { clearedFor }),
});
const words = (sightings: readonly Sighting[]) =>
	continueStory(undefined, sightings).history?.map(({ from, to }) => `${from} > ${to}`);

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
	const rows = continueStory(undefined, sightings).history;
	t.like(rows?.[1], { generation: 2, actor: "ada", reason: "loss", time: "t2" });
	t.like(continueStory(undefined, sightings).lastTransition, {
		generation: 5,
		to: "Emergency",
		observedAt: "t5",
	});
});

test("a lowering without a clearance for the generation before it is an override", (t) => {
	// Given lowerings that were cleared, cleared for something older, and not at all
	const row = (clearedFor?: number) =>
		continueStory({ observedGeneration: 3, history: [{ generation: 3, from: "", to: "Pause", time: "" }] }, [
			at(4, { mode: "Normal" }, clearedFor),
		]).history?.at(-1);
	// When the story is told, then only the first is no override
	t.is(row(3)?.override, undefined);
	t.true(row(2)?.override);
	t.true(row()?.override);
	// And a raise never is
	const raised = continueStory({ observedGeneration: 3 }, [at(4, { mode: "Emergency" })]).history?.at(-1);
	t.is(raised?.override, undefined);
});

test("generations that nobody saw leave a gap, which accuses nobody", (t) => {
	// Given a status that speaks of generation 3, and a sighting of generation 6
	const status = { observedGeneration: 3, history: [{ generation: 3, from: "", to: "Pause", time: "" }] };
	const same = continueStory(status, [at(6, { mode: "Pause" })]);
	const milder = continueStory(status, [at(6, { mode: "Normal" })]);
	// When the story is told
	// Then the row says gap, also when the mode is the same, and no override is claimed
	t.like(same.history?.at(-1), { from: "Pause", to: "Pause", gap: true });
	t.is(same.lastTransition, undefined);
	t.like(milder.history?.at(-1), { to: "Normal", gap: true });
	t.is(milder.history?.at(-1)?.override, undefined);
	t.is(continueStory(status, [at(4, { mode: "Pause" })]).history?.length, 1);
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
	const first = continueStory(undefined, sightings.slice(0, 3));
	const status = { ...first, observedGeneration: 3 };
	const second = continueStory(status, sightings);
	const again = continueStory({ ...second, observedGeneration: 5 }, sightings);
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
	const { history } = continueStory(undefined, sightings);
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
	const { trips } = continueStory(undefined, sightings);
	// Then status stays bounded and no trip is lost
	t.is(Object.keys(trips?.byType ?? {}).length, 64);
	t.is(trips?.byType?.Other, 17);
	t.is(trips?.total, 80);
});
