import test from "ava";
import { judgeChange } from "../../core/change.ts";
import { bootMode, judgePod } from "../../core/fence.ts";
import { continueStory } from "../../core/history.ts";
import { stopPlan } from "../../core/plan.ts";
import { restoreStep } from "../../core/restore.ts";
import { sight } from "../../core/sighting.ts";
import { nextStatus, withClearance } from "../../core/status.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import { enforceLabel, type Verb } from "../../crds/vocabulary.ts";
import { deskOf, factsOf, podOf, recordOf, seen, target, workloadOf } from "./desk.ts";

const targets = [target("bot"), target("risk", { preset: "Risk" }), target("liq", { preset: "Liquidator" })];
const observing = { enforcement: "Observe", targets } as const;
const running = seen({
	pods: [podOf("bot", { name: "one" }), podOf("bot", { name: "two" }), podOf("risk")],
	workloads: [workloadOf("bot", 2), workloadOf("risk", 1), workloadOf("liq", 0)],
});
const statusOf = (desk: ReturnType<typeof deskOf>, observed = running) =>
	nextStatus(desk, factsOf(desk, observed), [sight(desk, "2026-01-01T00:00:09.000Z")]);
const said = (status: TradingSafetyStatus, type: string) => {
	const found = status.conditions?.find((one) => one.type === type);
	return `${found?.status} ${found?.reason}: ${found?.message}`;
};

test("a desk that only observes plans a halt, and neither does nor claims it", (t) => {
	for (const mode of ["Pause", "Emergency"] as const) {
		// Given a halted desk that only observes, with everything running
		const desk = deskOf({ ...observing, mode }, { modeInForce: "Normal+Observe" });
		// When it is looked at
		const status = statusOf(desk);
		// Then nothing is to be done
		t.deepEqual(stopPlan(desk, running), []);
		t.deepEqual(restoreStep(desk, running, new Set(["bot", "liq"])).effects, []);
		// Then status says what would be, and that nothing is
		const start = mode === "Pause" ? "Stop" : "Start";
		t.deepEqual(
			status.targets?.map((row) => [row.name, row.effective, row.planned, row.fencedAs]),
			[
				["bot", "Run", "Stop", undefined],
				["risk", "Run", "Keep", undefined],
				["liq", "Run", start, undefined],
			],
		);
		t.is(
			said(status, "Enforced"),
			"False Observing: would tell 2 pods to stop, record 1 workloads and scale 1 to zero; nothing was touched",
		);
		t.is(
			said(status, "Confirmed"),
			`False Observing: nothing is enforced: Enforce would act on target bot (Stop), liq (${start})`,
		);
		t.regex(said(status, "Fenced"), /^False Observing: nothing is denied/);
		t.regex(said(status, "Restored"), /^True Open/);
		t.is(status.modeInForce, "Observe");
		// Then no stage of a halt is over, though nothing is left to do
		t.like(status.lastTransition, { to: `${mode}+Observe` });
		t.is(status.lastTransition?.toldAt, undefined);
		t.is(status.lastTransition?.enforcedAt, undefined);
	}
});

test("an unknown or absent word means Enforce", (t) => {
	// Given specs with odd words
	for (const enforcement of [undefined, "observe", "", "Enforce"]) {
		const spec = { mode: "Emergency", targets, ...(enforcement !== undefined && { enforcement }) };
		// When a stop is planned, then it is one
		t.true(stopPlan(deskOf(spec as TradingSafetySpec), running).length > 0, `${enforcement}`);
	}
});

test("what an enforced halt left is kept for Enforce, and not called restored", (t) => {
	// Given a desk that was halted, with its bots recorded and at zero, and the liquidator allowed
	const before: TradingSafetyStatus = {
		modeInForce: "Emergency",
		targets: [
			{ name: "bot", fencedAs: "Emergency", recordedAt: "2026-01-01T00:00:01.000Z" },
			{ name: "liq", fencedAs: "Emergency", startAllowed: true },
		],
	};
	const left = seen({ workloads: [workloadOf("bot", 0)], records: [recordOf("bot", 2)] });
	// When it only observes, in Emergency and lowered to Normal
	for (const mode of ["Emergency", "Normal"] as const) {
		const desk = deskOf({ ...observing, mode }, before);
		const status = statusOf(desk, left);
		const row = status.targets?.[0];
		// Then what is held and since when it was recorded stays; the leave to start does not
		t.like(row, { fencedAs: "Emergency", recordedAt: "2026-01-01T00:00:01.000Z", effective: "Run" });
		t.is(status.targets?.[2]?.fencedAs, "Emergency");
		t.is(status.targets?.[2]?.startAllowed, undefined);
		t.is(status.modeInForce, "Observe");
		t.regex(
			said(status, "Restored"),
			/^False Observing: 2 targets not released \(bot from Emergency, liq from Emergency\), 1 records kept/,
		);
		t.regex(said(status, "Confirmed"), /^False Observing/);
		t.deepEqual(restoreStep(desk, left, new Set(["bot", "liq"])).effects, []);
		// Then Enforce goes on where it was
		const again = deskOf({ targets, mode }, status, 8);
		const next = restoreStep(again, left, new Set(["bot", "liq"])).effects[0];
		t.is(next?.kind, mode === "Normal" ? "Release" : "AllowStart");
	}
});

test("in Normal, with nothing to stop, what is asked for is in force by itself", (t) => {
	// Given a desk in Normal without a liquidator, and one with
	const plain = deskOf({ ...observing, mode: "Normal", targets: targets.slice(0, 2) });
	const other = deskOf({ ...observing, mode: "Normal" });
	// When they are looked at
	// Then the first is confirmed, as only observed; the second, which Enforce would act on, is not
	t.is(statusOf(plain).modeInForce, "Normal+Observe");
	t.regex(said(statusOf(plain), "Confirmed"), /^True Running/);
	t.regex(
		said(statusOf(plain), "Enforced"),
		/^False Observing: there would be nothing to stop; nothing was touched/,
	);
	t.regex(said(statusOf(other), "Confirmed"), /^False Observing/);
});

test("a halt that is only observed is cleared for lowering, but for the cooldown", (t) => {
	// Given an observed halt with everything running, whose fence is not proven
	const spec = { ...observing, mode: "Emergency", reset: { cooldownSeconds: 60 } } as const;
	const facts = (desk: ReturnType<typeof deskOf>, now: string) =>
		factsOf(desk, running, [], { fence: { error: "no answer" }, now });
	const trips = { last: { time: "2026-01-01T00:00:00.000Z" } };
	const desk = deskOf(spec, { observedGeneration: 7, trips });
	// When the leader looks, during the cooldown and after
	const holds = (now: string) => nextStatus(desk, facts(desk, now), []);
	const during = holds("2026-01-01T00:00:10.000Z");
	const after = holds("2026-01-01T00:01:10.000Z");
	// Then only the cooldown holds
	t.deepEqual(
		during.holds?.map(({ name }) => name),
		["Cooldown"],
	);
	t.deepEqual(after.holds, []);
	t.like(withClearance(desk, after, facts(desk, "2026-01-01T00:01:10.000Z"))?.clearance, {
		generation: 7,
		toMode: "Pause",
	});
});

test("the story tells what was only observed, and who let go of a halt", (t) => {
	// Given a desk that observes, is tripped, enforces, and lets go of the halt
	const at = (generation: number, spec: TradingSafetySpec) => ({ generation, spec, time: `t${generation}` });
	const sightings = [
		at(1, { mode: "Normal", enforcement: "Observe" }),
		at(2, { mode: "Emergency", enforcement: "Observe", trip: { id: "1" } }),
		at(3, { mode: "Emergency", enforcement: "Enforce", trip: { id: "1" } }),
		at(4, { mode: "Emergency", enforcement: "Observe", trip: { id: "1" } }),
	];
	// When its story is told
	const story = continueStory({ wasNormal: true }, sightings, true);
	// Then each row says it, and the last one is an override
	t.deepEqual(
		story.history?.map(({ from, to, override }) => [from, to, override === true]),
		[
			["Created", "Normal+Observe", false],
			["Normal+Observe", "Emergency+Observe", false],
			["Emergency+Observe", "Emergency", false],
			["Emergency", "Emergency+Observe", true],
		],
	);
	// Then the switch is no trip, and the trip was only observed
	t.like(story.trips, { total: 1, last: { id: "1", mode: "Emergency", observed: true } });
	// And a desk that is still being set up lets go of nothing
	const setUp = [at(1, { mode: "Pause" }), at(2, { mode: "Pause", enforcement: "Observe" })];
	const fresh = continueStory(undefined, setUp, true);
	t.is(fresh.history?.at(-1)?.override, undefined);
});

test("who switches: configure, in a halt override, but to Enforce configure alone", (t) => {
	// Given people, and desks that were Normal once
	const caller = (...verbs: readonly Verb[]) => ({ name: "ada", can: (verb: Verb) => verbs.includes(verb) });
	const refusals = (
		mode: "Normal" | "Emergency",
		to: "Enforce" | "Observe",
		more: object,
		...verbs: Verb[]
	) => {
		const spec = { mode, targets, enforcement: to === "Observe" ? "Enforce" : "Observe" } as const;
		const desk = deskOf(spec, { wasNormal: true });
		return judgeChange(desk, { ...spec, enforcement: to, ...more }, caller(...verbs));
	};
	// When they switch, then these rules refuse
	t.deepEqual(refusals("Normal", "Observe", {}), ["configure"]);
	t.deepEqual(refusals("Normal", "Observe", {}, "configure"), []);
	t.deepEqual(refusals("Emergency", "Observe", {}, "configure"), ["configure-while-halted"]);
	t.deepEqual(refusals("Emergency", "Observe", {}, "configure", "override"), []);
	t.deepEqual(refusals("Emergency", "Enforce", {}), ["configure"]);
	t.deepEqual(refusals("Emergency", "Enforce", {}, "configure"), []);
	// And together with anything else it is a change of a halted desk, and with a raise not alone
	t.deepEqual(refusals("Emergency", "Enforce", { targets: [] }, "configure"), ["configure-while-halted"]);
	t.deepEqual(refusals("Normal", "Enforce", { mode: "Pause" }, "configure"), ["raise-not-alone"]);
});

test("the fence of a desk that only observes lets pass, and warns where the namespace is observed", (t) => {
	// Given an observing and an enforcing desk in Emergency
	const desk = deskOf({ ...observing, mode: "Emergency" });
	const enforcing = deskOf({ targets, mode: "Emergency" });
	const labelled = (value: string) => ({ [enforceLabel]: value });
	const denied = { allowed: false, why: "Halted", target: "bot" } as const;
	// When pods are judged in namespaces of each label
	// Then the label `observe` warns whatever the desk says, and the others deny unless it observes
	t.deepEqual(judgePod(desk, { app: "bot" }, labelled("targets")), { allowed: true });
	t.deepEqual(judgePod(desk, { app: "web" }, labelled("strict")), { allowed: true });
	t.deepEqual(judgePod(desk, { "tradingsafety.dev/probe": "" }), { allowed: false, why: "Probe" });
	t.deepEqual(judgePod(enforcing, { app: "bot" }, labelled("targets")), denied);
	for (const either of [desk, enforcing]) {
		t.deepEqual(judgePod(either, { app: "bot" }, labelled("observe")), { allowed: true, warned: denied });
		t.deepEqual(judgePod(either, { app: "web" }, labelled("observe")), { allowed: true });
	}
	t.is(bootMode(desk, { app: "bot" }), undefined);
});
