import test from "ava";
import { bootMode, judgePod } from "../../core/fence.ts";
import { getsMilder, gracePeriodSeconds, targetStates, wantedColumn } from "../../core/targets.ts";
import { columns } from "../../crds/vocabulary.ts";
import { deskOf, target } from "./desk.ts";

/** What is carried out, by preset, in Normal, Pause, Reduce, Emergency and Freeze. Signal counts as Stop. */
const table = {
	Bot: ["Run", "Stop", "Stop", "Stop", "Stop"],
	Strategy: ["Run", "Stop", "Stop", "Stop", "Stop"],
	Gateway: ["Run", "Keep", "Keep", "Stop", "Stop"],
	Risk: ["Run", "Keep", "Keep", "Keep", "Keep"],
	Liquidator: ["Stop", "Stop", "Start", "Start", "Stop"],
	none: ["Run", "Stop", "Stop", "Stop", "Stop"],
} as const;
const rows = Object.entries(table) as [keyof typeof table, (typeof table)[keyof typeof table]][];

for (const [preset, row] of rows) {
	for (const [index, column] of columns.entries()) {
		test(`preset ${preset} in ${column}: ${row[index]}`, (t) => {
			// Given a target of this preset, alone on a desk in this mode or frozen
			const targets = [target("bot", preset === "none" ? {} : { preset })];
			const wanted =
				column === "Freeze" ? { mode: "Normal" as const, freeze: true } : { mode: column, freeze: false };
			const desk = deskOf({ ...wanted, targets });
			// When its state is asked for
			const [state] = targetStates(desk);
			// Then it has the action of the table, and the fence says the same to a new pod
			t.is(state?.action, row[index]);
			t.is(judgePod(desk, { app: "bot" }).allowed, row[index] === "Run" || row[index] === "Keep");
		});
	}
}

test("a target's own mode counts when it is more severe, and freeze beats both", (t) => {
	// Given a desk and the mode of one target
	const cases = [
		["Normal", "Pause", false, "Pause"],
		["Reduce", "Pause", false, "Reduce"],
		["Pause", undefined, false, "Pause"],
		["Emergency", "Normal", true, "Freeze"],
	] as const;
	for (const [mode, own, freeze, expected] of cases) {
		// When the column of that target is asked for
		const spec = { mode, freeze, ...(own && { targetModes: { bot: own } }) };
		// Then it is the more severe one
		t.is(wantedColumn(spec, "bot"), expected);
	}
	t.is(wantedColumn({ mode: "Normal" }, "constructor"), "Normal");
});

test("what status still holds stays in force after a lowering", (t) => {
	// Given a gateway that Emergency stopped, on a desk that was lowered to Pause, where it would be kept
	const targets = [target("gateway", { preset: "Gateway" })];
	const desk = deskOf({ mode: "Pause", targets }, { targets: [{ name: "gateway", fencedAs: "Emergency" }] });
	// When it is judged
	const [state] = targetStates(desk);
	// Then it is stopped until it is released
	t.is(state?.action, "Stop");
	t.false(judgePod(desk, { app: "gateway" }).allowed);
	t.is(bootMode(desk, { app: "gateway" }), "Emergency");
});

test("a Start target is open only by the leader's leave", (t) => {
	// Given a liquidator in Emergency, before and after the leader allowed it to start
	const targets = [target("liquidator", { preset: "Liquidator" })];
	const before = deskOf({ mode: "Emergency", targets });
	const after = deskOf(
		{ mode: "Emergency", targets },
		{ targets: [{ name: "liquidator", startAllowed: true }] },
	);
	const lowered = deskOf(
		{ mode: "Pause", targets },
		{ targets: [{ name: "liquidator", startAllowed: true }] },
	);
	// When a pod of it is judged, then only the second admits it
	t.deepEqual(
		[before, after, lowered].map((desk) => judgePod(desk, { app: "liquidator" }).allowed),
		[false, true, false],
	);
});

test("the fence: probes never, strangers unless strict, and one denying target is enough", (t) => {
	// Given a desk where the bot is stopped and risk goes on, and a pod that both select
	const targets = [
		target("bot", { preset: "Bot" }),
		target("risk", { preset: "Risk", selector: { matchLabels: { role: "risk" } } }),
	];
	const desk = deskOf({ mode: "Pause", targets });
	const strict = { "tradingsafety.dev/enforce": "strict" };
	// When pods are judged
	// Then each gets its verdict
	t.deepEqual(judgePod(desk, { app: "bot", role: "risk" }), { allowed: false, why: "Halted", target: "bot" });
	t.deepEqual(judgePod(desk, { role: "risk" }), { allowed: true });
	t.deepEqual(judgePod(desk, { app: "web" }), { allowed: true });
	t.deepEqual(judgePod(desk, { app: "web" }, strict), { allowed: false, why: "NotSelected" });
	t.deepEqual(judgePod(desk, { "tradingsafety.dev/probe": "" }), { allowed: false, why: "Probe" });
	t.is(bootMode(desk, { app: "web" }), undefined);
	t.is(bootMode(deskOf({ freeze: true, mode: "Pause", targets }), { app: "bot" }), "Emergency");
});

test("grace: the target's own word, else 2 seconds from Emergency on, else the pod's own", (t) => {
	// Given a target without own words, and one with
	const own = {
		preset: "Bot" as const,
		onPause: { action: "Stop" as const, gracePeriodSeconds: 20 },
		onEmergency: { action: "Stop" as const, gracePeriodSeconds: 5 },
	};
	const graces = (spec: Parameters<typeof deskOf>[0], status?: Parameters<typeof deskOf>[1]) =>
		targetStates(deskOf({ ...spec, targets: [target("a"), target("b", own)] }, status)).map(
			gracePeriodSeconds,
		);
	// When the desk is in each mode
	// Then the grace is as said, and a more severe column that is still held decides
	t.deepEqual(graces({ mode: "Normal" }), [undefined, undefined]);
	t.deepEqual(graces({ mode: "Pause" }), [undefined, 20]);
	t.deepEqual(graces({ mode: "Reduce" }), [undefined, undefined]);
	t.deepEqual(graces({ mode: "Emergency" }), [2, 5]);
	t.deepEqual(graces({ mode: "Normal", freeze: true }), [2, 5]);
	t.deepEqual(graces({ mode: "Pause" }, { targets: [{ name: "b", fencedAs: "Emergency" }] }), [undefined, 5]);
});

test("a table that gets milder towards the more severe columns is found, Start apart", (t) => {
	// Given targets that open with a raise, and targets that do not
	const keep = { action: "Keep" as const };
	const stop = { action: "Stop" as const };
	const start = { action: "Start" as const };
	// When each is looked at, then the first are found and the others are not
	t.true(getsMilder(target("a", { preset: "Bot", onEmergency: keep })));
	t.true(getsMilder(target("a", { preset: "Strategy", onReduce: { action: "Run" } })));
	t.true(getsMilder(target("a", { preset: "Risk", onEmergency: stop })), "Freeze would keep it");
	t.true(getsMilder(target("a", { preset: "Liquidator", onPause: keep })), "Normal stops it");
	for (const preset of ["Bot", "Strategy", "Gateway", "Risk", "Liquidator"] as const) {
		t.false(getsMilder(target("a", { preset })), preset);
	}
	t.false(getsMilder(target("a", { preset: "Bot", onReduce: { action: "Signal" } })));
	t.false(getsMilder(target("a", { preset: "Bot", onEmergency: start })));
});
