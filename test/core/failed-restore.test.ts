import test from "ava";
import { failedRestore } from "../../core/failed-restore.ts";
import type { RestoreStep } from "../../core/restore.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import { deskOf, target } from "./desk.ts";

const stuck: RestoreStep = {
	effects: [],
	stage: "bot",
	waitingFor: ["Deployment bot to be Ready (1 of 3)"],
	notRestored: [],
	done: false,
};

/** Where a stuck restore leads to, after so many seconds. */
function raisedTo(
	spec: Partial<TradingSafetySpec>,
	status: TradingSafetyStatus,
	seconds: number,
	step: RestoreStep = stuck,
) {
	const desk = deskOf(
		{ targets: [target("bot"), target("gateway", { preset: "Gateway" })], ...spec },
		status,
	);
	return failedRestore(desk, step, seconds)?.to;
}

test("a stage that does not get ready in its time leads back to where the desk was lowered from", (t) => {
	// Given desks that were lowered, and a stage that is open
	const from = (from: string, to: string) => ({ lastTransition: { from, to, generation: 7 } });
	const normal = { mode: "Normal" as const, restore: { stageSeconds: 30 } };
	// When its time is over, then it is raised to that mode; before, nothing happens
	t.is(raisedTo(normal, from("Pause", "Normal"), 30), "Pause");
	t.is(raisedTo(normal, from("Reduce", "Normal"), 31), "Reduce");
	t.is(raisedTo(normal, from("Pause", "Normal"), 29.9), undefined);
	const gateways = { ...stuck, stage: "gateway" };
	t.is(raisedTo({ ...normal, mode: "Pause" }, from("Emergency", "Pause"), 30, gateways), "Emergency");
	t.is(raisedTo({ mode: "Normal" }, from("Pause", "Normal"), 599), undefined);
	t.is(raisedTo({ mode: "Normal" }, from("Pause", "Normal"), 600), "Pause");
	// And where a freeze, or the mode of one target, was lowered, Normal becomes Pause and nothing else moves
	t.is(raisedTo(normal, from("Normal+Freeze", "Normal"), 30), "Pause");
	t.is(raisedTo(normal, from("Created", "Pause"), 30), "Pause");
	t.is(raisedTo({ ...normal, mode: "Pause" }, from("Pause+Freeze", "Pause"), 30, gateways), undefined);
});

test("what is not opened yet, or done, has not failed", (t) => {
	// Given a restore that waits for something to end, one that is over, and one of a target that is gone
	const normal = { mode: "Normal" as const, restore: { stageSeconds: 5 } };
	const held = { targets: [{ name: "bot", fencedAs: "Emergency" as const }] };
	// When a day has passed, then nothing is raised
	t.is(raisedTo(normal, held, 86_400), undefined);
	t.is(raisedTo(normal, {}, 86_400, { ...stuck, done: true }), undefined);
	t.is(raisedTo(normal, {}, 86_400, { ...stuck, stage: "other" }), undefined);
});
