import test from "ava";
import fc from "fast-check";
import { specHappenings } from "../../core/spec-happenings.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import { asEntry, specs } from "./any-spec.ts";
import { deskOf, target } from "./desk.ts";

const running: TradingSafetySpec = { mode: "Normal", targets: [target("bots")] };
const wasNormal: TradingSafetyStatus = { wasNormal: true };
const cleared = (generation: number): TradingSafetyStatus => ({
	wasNormal: true,
	clearance: { generation, toMode: "Pause" },
});

/** What is recorded of a step from one spec to the next generation. */
function step(
	before: TradingSafetySpec,
	after: TradingSafetySpec,
	{ status = wasNormal, by = 1 }: { readonly status?: TradingSafetyStatus; readonly by?: number } = {},
) {
	return specHappenings(deskOf(before, status, 7), deskOf(after, status, 7 + by), true);
}

const words = (found: ReturnType<typeof step>) => found.map(({ kind, action }) => `${kind} ${action}`);

test("a raise by a person: who, that they gave no reason, and the states before and after", (t) => {
	const [found, ...others] = step(running, { ...running, mode: "Emergency", setBy: "alice" });
	t.is(others.length, 0);
	t.is(found?.kind, "Intervention");
	t.is(found?.action, "Raise");
	t.deepEqual(found?.actor, { name: "alice" });
	t.is(found?.justification, "none was given");
	t.is(found?.before?.values.mode, "Normal");
	t.is(found?.before?.generation, 7);
	t.is(found?.after?.values.mode, "Emergency");
	t.is(found?.after?.generation, 8);
	t.deepEqual(found?.entity, { type: "TradingSafety", id: "eu/desk", uid: "desk-uid" });
});

test("a press is a trip that names the device and what it was", (t) => {
	const trip = {
		id: "t-1",
		source: "BOX-1",
		type: "Button",
		at: "2026-01-01T00:00:00Z",
		detail: { loss: "7" },
	};
	const [found] = step(running, { ...running, mode: "Emergency", setBy: "sidecar", trip });
	t.is(found?.kind, "Trip");
	t.deepEqual(found?.actor, { name: "sidecar", via: "BOX-1" });
	t.like(found?.metadata, { tripId: "t-1", tripType: "Button", "trip.loss": "7" });
});

test("a press in a halt is recorded, though nothing moves", (t) => {
	const halted = { ...running, mode: "Emergency" as const };
	const found = step(halted, { ...halted, trip: { id: "t-2", source: "BOX-1", type: "Button" } });
	t.deepEqual(words(found), ["Trip TrippedAgain"]);
});

test("a lowering is an intervention with its reason when it was cleared, an override when it was not", (t) => {
	const halted: TradingSafetySpec = { ...running, mode: "Emergency" };
	const lowered: TradingSafetySpec = { ...running, mode: "Pause", setBy: "bob", reason: "flat, checked" };
	const [good] = step(halted, lowered, { status: cleared(7) });
	t.is(`${good?.kind} ${good?.action}`, "Intervention Lower");
	t.is(good?.justification, "flat, checked");
	t.deepEqual(good?.actor, { name: "bob" });
	const [bad] = step(halted, lowered, { status: cleared(6) });
	t.is(`${bad?.kind} ${bad?.action}`, "Override LowerUncleared");
	t.is(bad?.justification, "flat, checked");
});

test("one target raised and lowered by itself", (t) => {
	const raised: TradingSafetySpec = { ...running, targetModes: { bots: "Pause" } };
	t.deepEqual(words(step(running, raised)), ["Intervention Raise"]);
	t.deepEqual(words(step(raised, running, { status: cleared(7) })), ["Intervention Lower"]);
	t.deepEqual(words(step(raised, running)), ["Override LowerUncleared"]);
});

test("a freeze, and letting go of a halt", (t) => {
	t.deepEqual(words(step(running, { ...running, freeze: true })), ["Intervention Raise"]);
	const halted: TradingSafetySpec = { ...running, mode: "Emergency" };
	t.deepEqual(words(step(halted, { ...halted, enforcement: "Observe" })), ["Override Observe"]);
	t.deepEqual(words(step(running, { ...running, enforcement: "Observe" })), ["Intervention Observe"]);
});

test("a request: asked for, approved by each, used; or withdrawn by a raise", (t) => {
	const halted: TradingSafetySpec = { ...running, mode: "Emergency" };
	const resetRequest = {
		fromMode: "Emergency",
		toMode: "Pause",
		reason: "flat",
		requestedBy: "alice",
	} as const;
	const asked: TradingSafetySpec = { ...halted, resetRequest };
	const approved: TradingSafetySpec = {
		...halted,
		resetRequest: { ...resetRequest, approvals: { bob: {} } },
	};
	const [request] = step(halted, asked);
	t.is(`${request?.kind} ${request?.action} ${request?.actor.name}`, "Reset Requested alice");
	t.is(request?.justification, "flat");
	const [approval] = step(asked, approved);
	t.is(`${approval?.kind} ${approval?.action} ${approval?.actor.name}`, "Reset Approved bob");
	const lowered: TradingSafetySpec = { ...running, mode: "Pause", reason: "flat" };
	t.deepEqual(words(step(approved, lowered, { status: cleared(7) })), ["Intervention Lower", "Reset Used"]);
	t.deepEqual(words(step(approved, halted)), ["Reset Withdrawn"]);
	t.deepEqual(words(step(approved, { ...halted, resetRequest: { ...resetRequest, reason: "x" } })), [
		"Reset Requested",
	]);
});

test("configuration: each field with what it was and is; in a halt it is an override", (t) => {
	const changed: TradingSafetySpec = {
		...running,
		targets: [target("bots", { preset: "Risk" })],
		flat: { query: "x", expectSeries: 1 },
	};
	const [found, ...others] = step(running, changed);
	t.is(others.length, 0);
	t.is(`${found?.kind} ${found?.action}`, "Configuration Configure");
	t.deepEqual(
		found?.changes?.map(({ path }) => path),
		["targets[bots]", "flat"],
	);
	t.true(found?.changes?.[0]?.from?.includes('"preset":"Bot"'));
	t.true(found?.changes?.[0]?.to?.includes('"preset":"Risk"'));
	const halted = { ...running, mode: "Emergency" as const };
	t.deepEqual(words(step(halted, { ...changed, mode: "Emergency" })), ["Override Configure"]);
	// Until it was Normal once, a desk is being set up.
	t.deepEqual(words(step({ ...running, mode: "Pause" }, { ...changed, mode: "Pause" }, { status: {} })), [
		"Configuration Configure",
	]);
});

test("generations that nobody here saw are counted", (t) => {
	const [found] = step(running, { ...running, mode: "Pause" }, { by: 4 });
	t.is(found?.metadata?.unseenGenerations, "3");
});

test("a desk that is seen first is recorded as it stands; one that went back is an exception", (t) => {
	t.deepEqual(words(specHappenings(undefined, deskOf(running, undefined, 1), true)), ["Transition Created"]);
	t.deepEqual(words(specHappenings(undefined, deskOf(running, undefined, 9), true)), ["Transition Observed"]);
	t.deepEqual(words(step({ ...running, mode: "Emergency" }, running, { by: -2 })), [
		"Exception HistoryWentBack",
	]);
});

test("who moved the mode is not guessed where nothing stamps", (t) => {
	const before = deskOf({ ...running, setBy: "alice" }, wasNormal, 7);
	const after = deskOf({ ...running, setBy: "alice", mode: "Pause" }, wasNormal, 8);
	t.is(specHappenings(before, after, false)[0]?.actor.name, "unknown");
	t.is(specHappenings(before, after, true)[0]?.actor.name, "alice");
});

test("an override of configuration has the reason that it gave, never that of somebody else's halt", (t) => {
	// Given a halt that one person gave a reason for
	const halted: TradingSafetySpec = { ...running, mode: "Emergency", reason: "market crash", setBy: "rita" };
	const targets = [target("bots", { preset: "Risk" })];
	const override = (after: TradingSafetySpec, by = 1) =>
		step(halted, after, { by }).find(({ kind }) => kind === "Override");
	// When another one configures in it, without a reason, then none was given
	t.is(override({ ...halted, targets })?.justification, "none was given");
	// When a reason comes with it, then it is that
	t.is(override({ ...halted, targets, reason: "wrong preset" })?.justification, "wrong preset");
	// When nobody saw which change the reason came with, then it is not guessed
	t.is(override({ ...halted, targets, reason: "wrong preset" }, 3)?.justification, "none was given");
});

test("rewriting the reason of a halt is recorded with both, by nobody that the object knows", (t) => {
	// Given a halt with a reason
	const halted: TradingSafetySpec = { ...running, mode: "Emergency", reason: "loss limit", setBy: "rita" };
	// When only the reason is changed
	const [found, ...others] = step(halted, { ...halted, reason: "a test" });
	// Then the record has what it was
	t.is(others.length, 0);
	t.is(`${found?.kind} ${found?.action}`, "Intervention Rewrite");
	t.deepEqual(found?.changes, [{ path: "reason", from: '"loss limit"', to: '"a test"' }]);
	t.deepEqual(found?.actor, { name: "unknown" });
	t.is(found?.justification, "none was given");
	t.is(found?.before?.generation, 7);
	t.is(found?.after?.generation, 8);
	// And where it moves too, the new reason is that of the move
	t.deepEqual(words(step(halted, { ...halted, freeze: true, reason: "worse" })), ["Intervention Raise"]);
});

test("a trip that is told otherwise under the same id is recorded, each part of it, whatever else moves", (t) => {
	// Given a press
	const trip = { id: "t-1", source: "BOX-1", type: "Button", detail: { loss: "7" } };
	const halted: TradingSafetySpec = { ...running, mode: "Reduce", trip, setBy: "sidecar" };
	const other = { id: "t-1", source: "nobody", type: "Manual", detail: { loss: "0" } };
	// When somebody rewrites it
	const [found] = step(halted, { ...halted, trip: other, setBy: "eve" });
	// Then each part is told as it was and is, and who
	t.is(`${found?.kind} ${found?.action} ${found?.actor.name}`, "Intervention Rewrite eve");
	t.deepEqual(
		found?.changes?.filter(({ path }) => path !== "setBy"),
		[
			{ path: "trip.source", from: '"BOX-1"', to: '"nobody"' },
			{ path: "trip.type", from: '"Button"', to: '"Manual"' },
			{ path: "trip.detail", from: '{"loss":"7"}', to: '{"loss":"0"}' },
		],
	);
	// And beside a raise, and when it is taken away
	const raised = step(halted, { ...halted, mode: "Emergency", trip: other, setBy: "eve" });
	t.deepEqual(words(raised), ["Intervention Raise", "Intervention Rewrite"]);
	const { trip: _gone, ...without } = halted;
	t.deepEqual(
		step(halted, without)[0]?.changes?.map(({ path, to }) => [path, to]),
		["id", "source", "type", "detail"].map((name) => [`trip.${name}`, undefined]),
	);
	// And a new trip is one, not a rewritten one
	t.deepEqual(words(step(halted, { ...halted, trip: { ...other, id: "t-2" } })), ["Trip TrippedAgain"]);
});

test("an approval that is taken back or changed is recorded, with what it was", (t) => {
	// Given a request with two approvals
	const request = (approvals: Readonly<Record<string, { note?: string }>>): TradingSafetySpec => ({
		...{ ...running, mode: "Emergency" },
		resetRequest: { requestedBy: "alice", toMode: "Pause", reason: "flat", approvals },
	});
	const approved = request({ bob: { note: "seen" }, carol: {} });
	// When one takes theirs back, and the other changes their remark
	const found = step(approved, request({ carol: { note: "not sure" } }));
	// Then both are there, by who did it, with before and after
	t.deepEqual(
		found.map(({ kind, action, actor, changes, before, after }) => [
			...[`${kind} ${action}`, actor.name, changes?.[0]?.from, changes?.[0]?.to],
			...[before?.generation, after?.generation],
		]),
		[
			["Reset ApprovalWithdrawn", "bob", '{"note":"seen"}', undefined, 7, 8],
			["Reset ApprovalChanged", "carol", "{}", '{"note":"not sure"}', 7, 8],
		],
	);
	// And a request that is changed is told as it was
	const asked = request({ bob: {} });
	const changed = {
		...asked,
		resetRequest: { ...asked.resetRequest, toMode: "Normal", approvals: {} },
	} as const;
	const [other, ...rest] = step(asked, changed);
	t.is(rest.length, 0);
	t.true(other?.changes?.[0]?.from?.includes('"toMode":"Pause"'));
	t.true(other?.changes?.[0]?.to?.includes('"toMode":"Normal"'));
});

test("two replicas that see the same step give it the same name, other steps others", (t) => {
	const [one] = step(running, { ...running, mode: "Pause" });
	const [same] = step(running, { ...running, mode: "Pause" });
	const [other] = step(running, { ...running, mode: "Pause" }, { by: 2 });
	t.is(one?.sameAs, same?.sameAs);
	t.not(one?.sameAs, other?.sameAs);
});

test("whatever moves is recorded, with both states and a reason, whatever is in it; what stands still is not", (t) => {
	fc.assert(
		fc.property(specs, specs, (before, after) => {
			const found = step(before, after);
			const same = JSON.stringify(before) === JSON.stringify(after);
			if (same) t.deepEqual(found, []);
			for (const happening of found) {
				const { kind, justification, before: was, after: is } = happening;
				t.notThrows(() => asEntry(happening));
				if (kind !== "Intervention" && kind !== "Override") continue;
				t.truthy(justification);
				t.truthy(was);
				t.truthy(is);
			}
			const moved = (before.mode ?? "Emergency") !== (after.mode ?? "Emergency");
			if (moved) t.true(found.some(({ kind }) => ["Intervention", "Override", "Trip"].includes(kind)));
		}),
	);
});
