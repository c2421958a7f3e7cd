import test from "ava";
import { stopPlan } from "../../core/plan.ts";
import { plausible } from "../../core/plausible.ts";
import { nextStatus } from "../../core/status.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import { deskOf, factsOf, podOf, recordOf, seen, target, workloadOf } from "./desk.ts";

const now = "2026-01-01T00:00:10.000Z";
const early = "2026-01-01T00:00:00.000Z";
const late = "9999-01-01T00:00:00.000Z";
const targets = [target("bot")];
const halted = (status: TradingSafetyStatus) =>
	deskOf({ mode: "Emergency", targets, reset: { cooldownSeconds: 60 } }, status);

test("times that are none, or in the future, and generations to come are not carried on", (t) => {
	// Given a status with nonsense in each field that is carried on
	for (const time of ["banana", "", late]) {
		const condition = { type: "Armed", status: "False", reason: "x", message: "", lastTransitionTime: time };
		const found = plausible(
			{
				observedGeneration: 99,
				modeInForce: "Banana",
				trips: { total: -3, byType: { Manual: -1, Button: 2 }, last: { time, type: "Manual" } },
				targets: [{ name: "bot", recordedAt: time }],
				lastTransition: { generation: 3, observedAt: time, fencedAt: time, toldAt: early },
				history: [
					{ generation: 2, from: "Normal", to: "Pause", time: early },
					{ generation: 99, from: "Pause", to: "Normal", time: early },
					{ generation: 3, from: "Pause", to: "Normal", time },
				],
				conditions: [condition as NonNullable<TradingSafetyStatus["conditions"]>[number]],
			},
			7,
			now,
		);
		// Then what can be so is left
		t.deepEqual(found, {
			observedGeneration: 2,
			trips: { total: 0, byType: { Button: 2 }, last: { time: now, type: "Manual" } },
			targets: [{ name: "bot" }],
			lastTransition: { generation: 3, observedAt: now, toldAt: early },
			history: [{ generation: 2, from: "Normal", to: "Pause", time: early }],
			conditions: [],
		});
	}
});

test("what can be so stays as it is", (t) => {
	// Given statuses as they are written
	for (const modeInForce of ["Normal", "Pause+Freeze"]) {
		const status: TradingSafetyStatus = {
			observedGeneration: 7,
			modeInForce,
			trips: { total: 3, byType: { Manual: 3 }, last: { time: early } },
			targets: [{ name: "bot", fencedAs: "Pause", recordedAt: early }],
			history: [{ generation: 7, from: "Normal", to: "Pause", time: early }],
		};
		// Then nothing of them changes
		t.deepEqual(plausible(status, 7, now), status);
	}
});

test("a cooldown is not ended by a nonsense time of the last trip", (t) => {
	// Given a halted desk with a cooldown
	const observed = seen({ workloads: [workloadOf("bot", 0)], records: [recordOf("bot", 3)] });
	const names = (time: string) => {
		const desk = halted({ trips: { last: { time } } });
		return nextStatus(desk, factsOf(desk, observed, ["bot"]), []).holds?.map(({ name }) => name);
	};
	// When the last trip was at no time, or will be, then the cooldown stands; one that is over stays over
	t.deepEqual(names("banana"), ["Cooldown"]);
	t.deepEqual(names(late), ["Cooldown"]);
	t.deepEqual(names("2025-01-01T00:00:00.000Z"), []);
});

test("a raise after a nonsense observedGeneration is told in the history all the same", (t) => {
	// Given a status that claims to speak of a generation to come
	const history = [{ generation: 6, from: "Created", to: "Normal", time: early }];
	const desk = halted({ observedGeneration: 99, history });
	// When the present generation was seen
	const status = nextStatus(desk, factsOf(desk, seen()), [{ generation: 7, spec: desk.spec, time: now }]);
	// Then it stands there
	t.is(status.observedGeneration, 7);
	t.like(status.history?.at(-1), { generation: 7, from: "Normal", to: "Emergency" });
});

test("records are counted by the API server's clock, and a time that is none proves nothing", (t) => {
	// Given a halted desk with one workload at zero without record, made at a time
	const desk = (recordedAt?: string) =>
		halted({ targets: [{ name: "bot", fencedAs: "Emergency", ...(recordedAt && { recordedAt }) }] });
	const workload = (createdAt: string) => workloadOf("bot", 0, { createdAt });
	const plan = (recordedAt: string | undefined, createdAt: string) =>
		stopPlan(desk(recordedAt), seen({ workloads: [workload(createdAt)] })).map(({ kind }) => kind);
	// When others made at the same time or later had theirs, or nothing is certain, then it is not guessed
	t.deepEqual(plan("2026-01-01T00:00:05Z", "2026-01-01T00:00:05Z"), []);
	t.deepEqual(plan("2026-01-01T00:00:05Z", "2026-01-01T00:00:04Z"), []);
	t.deepEqual(plan("banana", "2026-01-01T00:00:04Z"), []);
	// When it is newer, then it is recorded
	t.deepEqual(plan("2026-01-01T00:00:05Z", "2026-01-01T00:00:06Z"), ["CreateRecord"]);
	t.deepEqual(plan(undefined, "2026-01-01T00:00:06Z"), ["CreateRecord"]);
	// Then status says of which time the newest recorded workload is, whatever this replica's clock says
	const recorded = seen({ workloads: [workload(early)], records: [recordOf("bot", 3)] });
	for (const clock of [now, "2025-12-31T23:00:00.000Z", "2026-01-01T01:00:00.000Z"]) {
		const status = nextStatus(desk(), factsOf(desk(), recorded, [], { now: clock }), []);
		t.is(status.targets?.[0]?.recordedAt, early);
	}
	// Then nothing is said while one is still to be recorded
	const open = seen({ workloads: [workload(early), workloadOf("bot", 2, { uid: "other" })] });
	t.is(nextStatus(desk(), factsOf(desk(), open), []).targets?.[0]?.recordedAt, undefined);
});

test("a record claimed by nonsense is claimed again before its workload is scaled", (t) => {
	// Given a workload that runs in a halt, with a record of this generation, another, or none that is a number
	const plan = (heldAt: number) => {
		const observed = seen({ workloads: [workloadOf("bot", 3)], records: [recordOf("bot", 3, heldAt)] });
		return stopPlan(halted({}), observed).map(({ kind }) => kind);
	};
	// When a stop is planned, then only the first is scaled at once
	t.deepEqual(plan(7), ["ScaleToZero"]);
	for (const heldAt of [6, 8, Number.NaN, Number.POSITIVE_INFINITY])
		t.deepEqual(plan(heldAt), ["ClaimRecord"]);
});

test("what a hand wrote in status opens nothing", (t) => {
	// Given a halted desk with a pod, and a status that says that all is well
	const desk = halted({
		observedGeneration: 7,
		modeInForce: "Normal",
		holds: [],
		targets: [{ name: "bot", effective: "Run", pods: 0, unconfirmedCount: 0, recordedAt: late }],
		conditions: [],
	});
	// When the next status is written
	const observed = seen({ pods: [podOf("bot")], workloads: [workloadOf("bot", 3)] });
	const status = nextStatus(desk, factsOf(desk, observed), []);
	// Then it says what is so
	t.like(status.targets?.[0], { effective: "Stop", fencedAs: "Emergency", pods: 1, unconfirmedCount: 1 });
	t.is(status.targets?.[0]?.recordedAt, undefined);
	t.deepEqual(
		status.holds?.map(({ name }) => name),
		["PodsLeft/bot", "OwnersLeft"],
	);
	t.is(status.conditions?.find(({ type }) => type === "Confirmed")?.status, "False");
});
