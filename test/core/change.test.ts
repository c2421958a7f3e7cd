import test from "ava";
import { type Caller, isHalted, isPureRaise, judgeChange, judgeCreate, stamped } from "../../core/change.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import { modes, type Verb } from "../../crds/vocabulary.ts";
import { deskOf, target } from "./desk.ts";

const targets = [target("bot"), target("gateway", { preset: "Gateway" })];
const person = (...can: readonly Verb[]): Caller => ({ name: "ada", can: (verb) => can.includes(verb) });
const cleared = (toMode: (typeof modes)[number], generation = 7) => ({
	clearance: { generation, toMode, time: "2026-01-01T00:00:00Z" },
});
const steps: Readonly<Record<string, readonly string[]>> = {
	Normal: [],
	Pause: ["Normal"],
	Reduce: ["Pause", "Normal"],
	Emergency: ["Pause"],
};

for (const from of modes) {
	for (const to of modes) {
		const lowers = modes.indexOf(to) < modes.indexOf(from);
		const allowed = !lowers || steps[from]?.includes(to) === true;
		test(`${from} -> ${to}: ${!lowers ? "anyone" : allowed ? "with clearance and the right" : "nobody"}`, (t) => {
			// Given a desk in one mode, cleared down to the other
			const desk = deskOf({ mode: from, targets, reason: "old" }, cleared(to));
			const uncleared = deskOf({ mode: from, targets, reason: "old" });
			// When people of different rights ask for the other mode
			const after = { ...desk.spec, mode: to, ...(lowers && { reason: "checked", setBy: "ada" }) };
			const nobody = judgeChange(desk, after, person());
			const resetter = judgeChange(desk, after, person("reset"));
			const early = judgeChange(uncleared, after, person("reset"));
			const overrider = judgeChange(uncleared, after, person("override"));
			// Then raising needs no right, and lowering the right, the step and, but for an override, the clearance
			t.deepEqual(nobody, lowers ? ["reset-verb", ...(allowed ? [] : ["step" as const])] : []);
			t.deepEqual(resetter, allowed ? [] : ["step"]);
			t.is(early.includes("not-cleared"), lowers);
			t.deepEqual(overrider, allowed ? [] : ["step"]);
		});
	}
}

/** A change of a desk in Pause at generation 7 that is cleared down to Normal, and what refuses it. */
const changes: readonly [string, TradingSafetySpec, TradingSafetySpec, readonly Verb[], readonly string[]][] =
	[
		["freeze on", { mode: "Pause" }, { mode: "Pause", freeze: true }, [], []],
		[
			"freeze off keeps the mode",
			{ mode: "Pause", freeze: true },
			{ mode: "Pause", freeze: false, reason: "r", setBy: "ada" },
			["reset"],
			[],
		],
		[
			"freeze off in Normal",
			{ mode: "Normal", freeze: true },
			{ mode: "Normal", reason: "r", setBy: "ada" },
			["reset"],
			["unfreeze"],
		],
		[
			"freeze off and milder at once",
			{ mode: "Pause", freeze: true },
			{ mode: "Normal", reason: "r", setBy: "ada" },
			["reset"],
			["unfreeze"],
		],
		["one target raised", { mode: "Pause" }, { mode: "Pause", targetModes: { bot: "Reduce" } }, [], []],
		[
			"a target that is none",
			{ mode: "Pause" },
			{ mode: "Pause", targetModes: { bto: "Reduce" } },
			[],
			["target-mode-without-target"],
		],
		[
			"one target lowered by a step",
			{ mode: "Pause", targetModes: { bot: "Reduce" } },
			{ mode: "Pause", targetModes: {}, reason: "r", setBy: "ada" },
			["reset"],
			[],
		],
		[
			"one target lowered too far",
			{ mode: "Pause", targetModes: { bot: "Emergency" } },
			{ mode: "Pause", reason: "r", setBy: "ada" },
			["reset"],
			["target-step"],
		],
		[
			"a raise with something else",
			{ mode: "Pause" },
			{ mode: "Emergency", reset: { approvals: 1 } },
			["configure", "override"],
			["raise-not-alone"],
		],
		[
			"raised here, lowered there",
			{ mode: "Pause", targetModes: { bot: "Reduce" } },
			{ mode: "Emergency", targetModes: {}, reason: "r", setBy: "ada" },
			["reset"],
			["raise-not-alone"],
		],
		[
			"a stale reason",
			{ mode: "Pause", reason: "r" },
			{ mode: "Normal", reason: "r", setBy: "ada" },
			["reset"],
			["fresh-reason"],
		],
		["no author", { mode: "Pause" }, { mode: "Normal", reason: "r" }, ["reset"], ["lowering-author"]],
		[
			"somebody else's name",
			{ mode: "Pause" },
			{ mode: "Normal", reason: "r", setBy: "bob" },
			["reset"],
			["set-by", "lowering-author"],
		],
		[
			"two people wanted, one there",
			{ mode: "Pause", reset: { approvals: 1 } },
			{ mode: "Normal", reset: { approvals: 1 }, reason: "r", setBy: "ada" },
			["reset"],
			["request-fits", "approvals-missing"],
		],
		[
			"configuring a halted desk",
			{ mode: "Pause" },
			{ mode: "Pause", reset: { cooldownSeconds: 5 } },
			["configure"],
			["configure-while-halted"],
		],
		[
			"overriding that",
			{ mode: "Pause" },
			{ mode: "Pause", reset: { cooldownSeconds: 5 } },
			["configure", "override"],
			[],
		],
	];

for (const [name, before, after, verbs, expected] of changes) {
	test(`change: ${name}`, (t) => {
		// Given a cleared desk that was Normal before
		const desk = deskOf({ targets, ...before }, { ...cleared("Normal"), wasNormal: true });
		// When somebody with these rights asks for the change
		// Then exactly these rules refuse it
		t.deepEqual(judgeChange(desk, { targets, ...after }, person(...verbs)), expected);
	});
}

test("a desk that was never Normal is configured in Pause without override", (t) => {
	// Given a new desk in Pause
	const desk = deskOf({ mode: "Pause", targets });
	// When its targets are changed
	const after = { mode: "Pause" as const, targets: [target("bot")] };
	// Then the right to configure is enough, and none is not
	t.deepEqual(judgeChange(desk, after, person("configure")), []);
	t.deepEqual(judgeChange(desk, after, person()), ["configure"]);
});

test("a clearance is good for one generation, and a lowering two people wanted needs its request", (t) => {
	// Given a desk with an approved request, cleared for this generation, for another, and with a trip since
	const resetRequest = {
		fromMode: "Pause" as const,
		toMode: "Normal" as const,
		tripId: "1",
		reason: "flat",
		requestedBy: "ada",
		approvals: { bob: {} },
	};
	const spec = { mode: "Pause" as const, targets, trip: { id: "1" }, reset: { approvals: 1 }, resetRequest };
	const { resetRequest: _used, ...rest } = spec;
	const after = { ...rest, mode: "Normal" as const, reason: "flat", setBy: "ada" };
	const judge = (changed: TradingSafetySpec, generation: number) =>
		judgeChange(
			deskOf(changed, cleared("Normal", generation)),
			{ ...after, ...(changed.trip && { trip: changed.trip }) },
			person("reset"),
		);
	// When it is carried out
	// Then only the first passes
	t.deepEqual(judge(spec, 7), []);
	t.deepEqual(judge(spec, 6), ["not-cleared"]);
	t.deepEqual(judge({ ...spec, trip: { id: "2" } }, 7), ["request-fits"]);
});

test("approvals are one's own, by others than the author, and a changed request starts without", (t) => {
	// Given a request by bob
	const request = { fromMode: "Pause" as const, tripId: "", toMode: "Normal" as const, requestedBy: "bob" };
	const desk = deskOf({ mode: "Pause", targets, resetRequest: request });
	const mine = deskOf({ mode: "Pause", targets, resetRequest: { ...request, requestedBy: "ada" } });
	const approve = (before: typeof desk, who: string) => ({
		...before.spec,
		resetRequest: { ...before.spec.resetRequest, approvals: { [who]: {} } },
	});
	// When ada approves it, approves in another's name, approves her own, or has no right to
	// Then only the first passes
	t.deepEqual(judgeChange(desk, approve(desk, "ada"), person("approve")), []);
	t.deepEqual(judgeChange(desk, approve(desk, "eve"), person("approve")), ["approval"]);
	t.deepEqual(judgeChange(mine, approve(mine, "ada"), person("approve")), ["approval"]);
	t.deepEqual(judgeChange(desk, approve(desk, "ada"), person()), ["approval"]);
});

test("any raise passes, whatever rights, and may drop a request", (t) => {
	// Given a desk with a pending request
	const before = { mode: "Pause" as const, targets, resetRequest: { requestedBy: "bob" } };
	const { resetRequest: _dropped, ...rest } = before;
	// When somebody without rights raises and drops it
	const after = { ...rest, mode: "Emergency" as const };
	// Then it is a pure raise
	t.true(isPureRaise(before, after));
	t.deepEqual(judgeChange(deskOf(before), after, person()), []);
	// And an unknown mode counts as Emergency: leaving it is a lowering
	const unknown = deskOf({ ...rest, mode: "Sleep" as "Pause" });
	t.true(judgeChange(unknown, { ...rest, mode: "Reduce" }, person()).includes("step"));
	t.true(isHalted(unknown.spec));
});

test("a desk is created in Pause or worse, under its one name, without a request", (t) => {
	// Given four ways to create a desk, when they are judged, then each has its refusal
	t.deepEqual(judgeCreate("desk", { mode: "Pause", targets }, person()), []);
	t.deepEqual(judgeCreate("desk2", { mode: "Pause" }, person()), ["name"]);
	t.deepEqual(judgeCreate("desk", { mode: "Normal" }, person()), ["created-milder-than-pause"]);
	t.deepEqual(judgeCreate("desk", { mode: "Pause", resetRequest: {} }, person()), ["created-with-request"]);
	const twins = [target("a"), { ...target("a"), name: "b" }];
	t.deepEqual(judgeCreate("desk", { mode: "Pause", targets: twins }, person()), ["same-selector"]);
});

test("the stamp names who moved the mode and clears the reason of an earlier one", (t) => {
	// Given a desk that bob paused with a reason
	const before: TradingSafetySpec = { mode: "Pause", reason: "lunch", setBy: "bob" };
	// When ada raises it without a reason, with one, or changes something else in somebody's name
	// Then the stamp tells the truth
	t.like(stamped(before, { ...before, mode: "Emergency" }, "ada"), { setBy: "ada", reason: "" });
	t.like(stamped(before, { ...before, mode: "Emergency", reason: "loss" }, "ada"), {
		setBy: "ada",
		reason: "loss",
	});
	for (const raise of [
		{ trip: { id: "1" } },
		{ freeze: true },
		{ targetModes: { bots: "Emergency" as const } },
	]) {
		t.like(stamped(before, { ...before, ...raise }, "ada"), { setBy: "ada", reason: "" });
	}
	const raised: TradingSafetySpec = { ...before, targetModes: { bots: "Emergency" } };
	t.like(stamped(raised, { ...before, reason: "checked" }, "ada"), { setBy: "ada", reason: "checked" });
	t.is(stamped(before, { ...before, setBy: "ada" }, "ada").setBy, "bob");
});
