import test from "ava";
import { clearance, holds } from "../../core/clearance.ts";
import type { ResetRequest } from "../../crds/spec.ts";
import type { Hold } from "../../crds/status.ts";
import { deskOf, factsOf, podOf, recordOf, seen, target, workloadOf } from "./desk.ts";

const targets = [target("bot")];
const halted = deskOf({ mode: "Emergency", targets }, { targets: [{ name: "bot", fencedAs: "Emergency" }] });
const stopped = seen({ workloads: [workloadOf("bot", 0)], records: [recordOf("bot", 3)] });
const names = (found: readonly Hold[]) => found.map((hold) => hold.name);

test("nothing holds a desk that is stopped, proven and confirmed", (t) => {
	// Given a halted desk, its fence proven, its pods confirmed gone, its owner recorded and at zero
	// When holds are looked for
	// Then there are none; and none in Normal, whatever else
	t.deepEqual(holds(halted, factsOf(halted, stopped, ["bot"]), undefined), []);
	const open = deskOf({ mode: "Normal", targets });
	t.deepEqual(holds(open, factsOf(open, seen({ pods: [podOf("bot")] })), undefined), []);
});

test("each fact that forbids lowering is a hold of its own", (t) => {
	// Given a halted desk of which one thing is not so
	const at = "2026-01-01T00:00:05.000Z";
	const proof = (generation: number, uid: string) => ({ fence: { generation, uid, at } });
	const found = (observed = stopped, gone: readonly string[] = ["bot"], rest = {}) =>
		names(holds(halted, factsOf(halted, observed, gone, rest), undefined));
	// When holds are looked for, then that one is named
	t.deepEqual(found(stopped, []), ["PodsLeft/bot"]);
	t.deepEqual(found(seen({ pods: [podOf("bot")] }), []), ["PodsLeft/bot"]);
	t.deepEqual(found(seen({ workloads: [workloadOf("bot", 3)] })), ["OwnersLeft"]);
	t.deepEqual(found(seen({ workloads: [workloadOf("bot", 3)], records: [recordOf("bot", 3)] })), [
		"OwnersLeft",
	]);
	t.deepEqual(found(stopped, ["bot"], proof(6, "desk-uid")), ["FenceUnproven"]);
	t.deepEqual(found(stopped, ["bot"], proof(9, "another-uid")), ["FenceUnproven"]);
	t.deepEqual(found(stopped, ["bot"], { fence: { error: "no answer" } }), ["FenceUnproven"]);
	t.deepEqual(found(stopped, ["bot"], proof(8, "desk-uid")), []);
});

test("a restore that is under way holds the next lowering", (t) => {
	// Given a gateway on its way back, on a desk in Pause, not Ready yet
	const desk = deskOf({ mode: "Pause", targets: [target("gateway", { preset: "Gateway" })] });
	const observed = seen({
		workloads: [workloadOf("gateway", 3, { ready: 1 })],
		records: [recordOf("gateway", 3)],
	});
	// When holds are looked for
	const [hold] = holds(desk, factsOf(desk, observed), undefined);
	// Then it says what it waits for
	t.is(hold?.name, "RestoreRunning");
	t.regex(hold?.message ?? "", /gateway.*1 of 3/);
});

test("the cooldown counts from the last raise and ends by itself", (t) => {
	// Given a cooldown of a minute and the present at 10 s
	const desk = deskOf({ ...halted.spec, reset: { cooldownSeconds: 60 } }, halted.status);
	const facts = factsOf(desk, stopped, ["bot"]);
	// When the last raise was just now, a minute ago, or never
	// Then only the first holds
	t.deepEqual(names(holds(desk, facts, "2026-01-01T00:00:09.000Z")), ["Cooldown"]);
	t.deepEqual(holds(desk, facts, "2025-12-31T23:59:10.000Z"), []);
	t.deepEqual(holds(desk, facts, undefined), []);
});

test("a clearance is for this generation, one step down or what was asked for", (t) => {
	// Given desks without holds
	const given = (mode: "Pause" | "Reduce" | "Emergency" | "Normal", resetRequest?: ResetRequest) =>
		clearance(deskOf({ mode, ...(resetRequest && { resetRequest }) }), [], "now");
	// When the leader clears
	// Then it names generation and mode
	t.deepEqual(given("Emergency"), { generation: 7, toMode: "Pause", time: "now" });
	t.is(given("Reduce")?.toMode, "Normal");
	t.is(given("Pause")?.toMode, "Normal");
	t.is(given("Reduce", { toMode: "Pause" })?.toMode, "Pause");
	t.is(given("Emergency", { unfreeze: true })?.toMode, "Emergency");
	t.is(given("Normal"), undefined);
});

test("a hold is overcome only by name, and only where a person may answer for it", (t) => {
	// Given a desk with a request that acknowledges holds
	const given = (standing: readonly string[], acknowledgedHolds: readonly string[]) =>
		clearance(
			deskOf({ mode: "Pause", resetRequest: { toMode: "Normal", acknowledgedHolds } }),
			standing.map((name) => ({ name, message: "" })),
			"now",
		) !== undefined;
	// When holds stand
	// Then only acknowledged pods and restores give way
	t.true(given(["PodsLeft/bot"], ["PodsLeft/bot"]));
	t.true(given(["RestoreRunning"], ["RestoreRunning"]));
	t.false(given(["PodsLeft/bot"], ["PodsLeft"]));
	t.false(given(["PodsLeft/bot", "PodsLeft/web"], ["PodsLeft/bot"]));
	t.false(given(["FenceUnproven"], ["FenceUnproven"]));
	t.false(given(["OwnersLeft"], ["OwnersLeft"]));
	t.false(given(["Cooldown"], ["Cooldown"]));
});
