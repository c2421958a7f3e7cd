import test from "ava";
import { clearance, holds } from "../../core/clearance.ts";
import { historyRegressed, withoutRegression } from "../../core/regression.ts";
import { nextStatus } from "../../core/status.ts";
import type { HistoryRow, TradingSafetyStatus } from "../../crds/status.ts";
import { deskOf, factsOf, seen, target } from "./desk.ts";

const regressed = { at: "2026-01-01T00:00:00.000Z", generation: 6, remembered: "Emergency", found: "Normal" };
const row = (generation: number, from: string, to: string): HistoryRow => ({
	...{ generation, from, to },
	time: regressed.at,
});
const desk = (status: TradingSafetyStatus, request: object = {}) =>
	deskOf({ mode: "Emergency", targets: [target("risk", { preset: "Risk" })], ...request }, status);

test("a regression holds, is carried on, and is said in a condition", (t) => {
	// Given a halted desk whose history went back
	const halted = desk({ regressed });
	// When its status is written
	const status = nextStatus(halted, factsOf(halted, seen()), []);
	// Then the hold stands, with both sides
	const hold = status.holds?.find(({ name }) => name === historyRegressed);
	t.regex(hold?.message ?? "", /found Normal, while Emergency is remembered/);
	t.deepEqual(status.regressed, regressed);
	const condition = status.conditions?.find(({ type }) => type === "HistoryIntact");
	t.like(condition, { status: "False", reason: historyRegressed });
	// Then without one there is neither
	const intact = desk({});
	t.deepEqual(holds(intact, factsOf(intact, seen()), undefined), []);
	const found = nextStatus(intact, factsOf(intact, seen()), []).conditions;
	t.is(found?.find(({ type }) => type === "HistoryIntact")?.status, "True");
});

test("it is cleared only for a request that names the hold", (t) => {
	// Given a halted desk whose history went back, with nothing else against a lowering
	const cleared = (acknowledgedHolds?: readonly string[]) => {
		const request = acknowledgedHolds && { resetRequest: { toMode: "Pause", acknowledgedHolds } };
		const halted = desk({ regressed }, request);
		return clearance(halted, holds(halted, factsOf(halted, seen()), undefined), "now") !== undefined;
	};
	// When the leader looks, then only that request is cleared
	t.false(cleared());
	t.false(cleared([]));
	t.false(cleared(["PodsLeft/bot"]));
	t.true(cleared([historyRegressed]));
});

test("a lowering after it ends it, and nothing else does", (t) => {
	// Given histories of a desk whose history went back at generation 6
	const ends = (...history: readonly HistoryRow[]) => {
		const status = { regressed, history, holds: [{ name: historyRegressed, message: "" }] };
		return withoutRegression(status);
	};
	// When the leader looks, then raises, earlier lowerings and a creation do not count
	t.is(ends(), undefined);
	t.is(ends(row(5, "Emergency", "Pause"), row(6, "Pause", "Normal")), undefined);
	t.is(ends(row(7, "Normal", "Emergency")), undefined);
	t.is(ends(row(7, "Created", "Pause")), undefined);
	// Then a later lowering does
	const ended = ends(row(7, "Normal", "Emergency"), row(8, "Emergency", "Pause"));
	t.is(ended?.regressed, undefined);
	t.deepEqual(ended?.holds, []);
	t.is(withoutRegression({ history: [row(8, "Emergency", "Pause")] }), undefined);
});
