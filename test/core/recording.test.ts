import test from "ava";
import { clearance, holds } from "../../core/clearance.ts";
import { auditCurrent, type RecordSeen, recordTold } from "../../core/recording.ts";
import { shortlyBefore, statusHappenings } from "../../core/status-happenings.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import { deskOf, factsOf, seen, target } from "./desk.ts";

const now = "2026-01-01T00:00:10.000Z";
const halted: TradingSafetySpec = { mode: "Emergency", targets: [target("risk", { preset: "Risk" })] };
const stored: RecordSeen = { kind: "Current", isStored: true, isOnDisk: true };
const behind: RecordSeen = { kind: "Behind", isStored: false, isOnDisk: true, why: "it hangs" };
const failing: RecordSeen = { kind: "Failing", isStored: false, isOnDisk: false, why: "no space" };
const inMemory: RecordSeen = { ...behind, isOnDisk: false };

/** What the leader may clear with the record as it is. */
function cleared(spec: TradingSafetySpec, record: RecordSeen | undefined, status: TradingSafetyStatus = {}) {
	const desk = deskOf(spec, status);
	const facts = factsOf(desk, seen(), [], record === undefined ? {} : { record });
	const standing = holds(desk, facts, undefined);
	return { names: standing.map(({ name }) => name), given: clearance(desk, standing, now, record) };
}

test("lowering waits until what made the halt is in the store", (t) => {
	t.deepEqual(cleared(halted, stored), {
		names: [],
		given: { generation: 7, toMode: "Pause", time: now },
	});
	for (const record of [behind, failing, { ...stored, isStored: false }]) {
		const { names, given } = cleared(halted, record);
		t.deepEqual(names, ["AuditBehind"]);
		t.is(given, undefined);
	}
});

test("where no record is kept nothing waits for it", (t) => {
	t.deepEqual(cleared(halted, undefined).names, []);
});

test("a request cannot acknowledge the hold away with requireAudit: Store, however many approve", (t) => {
	const resetRequest = {
		...({ fromMode: "Emergency", toMode: "Pause", requestedBy: "alice" } as const),
		acknowledgedHolds: ["AuditBehind"],
		approvals: { bob: {}, carol: {}, dave: {} },
	};
	t.is(cleared({ ...halted, resetRequest }, behind).given, undefined);
});

test("with requireAudit: Spool one approval more does, while it is on disk", (t) => {
	const request = (acknowledgedHolds: string[], ...names: string[]) => ({
		...({ fromMode: "Emergency", toMode: "Pause", requestedBy: "alice" } as const),
		acknowledgedHolds,
		approvals: Object.fromEntries(names.map((name) => [name, {}])),
	});
	const given = (approvals: number, record: RecordSeen, resetRequest: TradingSafetySpec["resetRequest"]) =>
		cleared(
			{ ...halted, reset: { requireAudit: "Spool", approvals }, ...(resetRequest && { resetRequest }) },
			record,
		).given !== undefined;
	t.false(given(0, behind, undefined));
	t.false(given(0, behind, request(["AuditBehind"])));
	t.false(given(0, behind, request([], "bob")));
	t.true(given(0, behind, request(["AuditBehind"], "bob")));
	t.false(given(0, behind, request(["AuditBehind"], "alice")), "its author is no second person");
	t.false(given(1, behind, request(["AuditBehind"], "bob")));
	t.true(given(1, behind, request(["AuditBehind"], "bob", "carol")));
	t.false(given(0, failing, request(["AuditBehind"], "bob")), "it is nowhere");
	t.false(given(0, inMemory, request(["AuditBehind"], "bob")), "it is in memory alone");
});

test("AuditCurrent says what was seen: stored, behind and why, not recorded, not configured", (t) => {
	const desk = deskOf(halted);
	t.like(auditCurrent(desk, undefined, now), { status: "False", reason: "NotConfigured" });
	t.like(auditCurrent(desk, stored, now), { status: "True", reason: "Stored" });
	t.like(auditCurrent(desk, behind, now), { status: "False", reason: "Behind" });
	t.regex(auditCurrent(desk, behind, now).message, /is on the operator's disk.*it hangs/);
	t.regex(auditCurrent(desk, inMemory, now).message, /nor on the operator's disk yet/);
	t.like(auditCurrent(desk, failing, now), { status: "False", reason: "NotRecorded" });
});

test("a replica that does not lead repeats what the leader said, and believes it for a minute", (t) => {
	const said = { ...auditCurrent(deskOf(halted), stored, now), lastTransitionTime: now };
	const status = { record: { at: now, state: "Current" as const, generation: 7 }, conditions: [said] };
	const elsewhere: RecordSeen = { kind: "Elsewhere" };
	const desk = deskOf(halted, status);
	t.like(auditCurrent(desk, elsewhere, "2026-01-01T00:00:40.000Z"), {
		status: "True",
		message: said.message,
	});
	t.like(auditCurrent(desk, elsewhere, "2026-01-01T00:02:00.000Z"), { status: "Unknown", reason: "NotSeen" });
	t.deepEqual(recordTold(desk, elsewhere, "2026-01-01T00:00:40.000Z"), status.record);
	const hold = { name: "AuditBehind", message: "x" };
	t.deepEqual(cleared(halted, elsewhere, { ...status, holds: [hold] }).names, ["AuditBehind"]);
	t.deepEqual(cleared(halted, elsewhere, status).names, []);
});

test("status tells the generation that is in the store, and keeps the last one while it is behind", (t) => {
	const desk = deskOf(halted, { record: { at: "x", state: "Current", generation: 6 } });
	t.deepEqual(recordTold(desk, stored, now), { at: now, state: "Current", generation: 7 });
	t.deepEqual(recordTold(desk, behind, now), { at: now, state: "Behind", generation: 6 });
});

test("stages of a transition are recorded once each, with their times", (t) => {
	const transition = { generation: 7, from: "Normal", to: "Emergency", observedAt: "a", fencedAt: "b" };
	const before = deskOf(halted, { lastTransition: transition });
	const after = deskOf(halted, { lastTransition: { ...transition, toldAt: "c", confirmedAt: "d" } });
	const found = statusHappenings(before, after, "replica-0");
	t.deepEqual(
		found.map(({ kind, action, metadata }) => [kind, action, metadata?.at]),
		[
			["Transition", "Told", "c"],
			["Transition", "Confirmed", "d"],
		],
	);
	t.deepEqual(statusHappenings(after, after, "replica-0"), []);
});

test("what did not answer, who fights the halt, what does not come back, a clearance and its end", (t) => {
	const bots = { name: "bots", signalled: "Admit" as const };
	const before = deskOf(halted, { targets: [bots] });
	const after = deskOf(halted, {
		targets: [{ name: "bots", signalled: "Keep", unconfirmedCount: 1, unconfirmed: ["bots-1 on node-2"] }],
		contests: [
			{
				kind: "Deployment",
				name: "bots",
				target: "bots",
				manager: "argocd",
				times: 4,
				since: "a",
				last: "b",
			},
		],
		notRestored: [{ kind: "Job", name: "load", reason: "a person starts it" }],
		clearance: { generation: 7, toMode: "Pause", time: "c" },
	});
	const words = (found: ReturnType<typeof statusHappenings>) =>
		found.map(({ kind, action }) => `${kind} ${action}`);
	const found = statusHappenings(before, after, "replica-0");
	t.deepEqual(words(found), [
		"Reset Cleared",
		"Claim NotAcknowledged",
		"Claim Contested",
		"Exception NotRestored",
	]);
	t.is(found[1]?.metadata?.pods, "bots-1 on node-2");
	t.deepEqual(words(statusHappenings(after, before, "replica-0")), ["Reset ClearanceWithdrawn"]);
});

test("bots that acknowledged and are not flat when their time is over are told of, those that are flat are not", (t) => {
	const before = deskOf(halted, { targets: [{ name: "bots", signalled: "Admit" }] });
	const flat = (status: "True" | "False") => ({
		...{ type: "Flat", status, reason: "NotFlat", message: "momentum holds 7", lastTransitionTime: "a" },
	});
	const due = (status: "True" | "False") =>
		statusHappenings(
			before,
			deskOf(halted, { targets: [{ name: "bots", due: true }], conditions: [flat(status)] }),
			"replica-0",
		).map(({ kind, action, metadata }) => `${kind} ${action} ${metadata?.message ?? ""}`);
	t.deepEqual(due("False"), ["Transition Due ", "Claim NotFlat momentum holds 7"]);
	t.deepEqual(due("True"), ["Transition Due "]);
});

const evidence = (type: string, status: "True" | "False" | "Unknown", lastTransitionTime = "a") => ({
	...{ type, status, reason: "NotFlat", message: "momentum holds 7", lastTransitionTime },
});

test("what is left at the venue is told of whenever it is seen, also after the time is over and where there is none", (t) => {
	const found = (
		target: NonNullable<TradingSafetyStatus["targets"]>[number],
		was: ReturnType<typeof evidence>,
		is: ReturnType<typeof evidence>,
	) =>
		statusHappenings(
			deskOf(halted, { targets: [target], conditions: [was] }),
			deskOf(halted, { targets: [target], conditions: [is] }),
			"replica-0",
		).map(({ kind, action }) => `${kind} ${action}`);
	for (const type of ["Flat", "OrdersCancelled"]) {
		const [open, closed, unknown] = [
			evidence(type, "False"),
			evidence(type, "True"),
			evidence(type, "Unknown"),
		];
		// Given bots whose time was over, when Prometheus shows it only later, then they are told of, and the desk
		const late = { name: "bots", due: true };
		t.deepEqual(found(late, unknown, open), [`Claim Not${type}`, `Exception ${type}False`]);
		// Given bots without a deadline, then the desk is; and they are when what was closed is open again
		const told = { name: "bots", effective: "Signal" as const };
		t.deepEqual(found(told, unknown, open), [`Exception ${type}False`]);
		t.deepEqual(found(told, closed, open), [`Claim Not${type}`, `Exception ${type}False`]);
		// And nothing while it stays so, or when it is no more: that is a stage
		t.deepEqual(found(late, open, open), []);
		t.deepEqual(found(late, open, unknown), []);
		t.deepEqual(found(late, unknown, closed), []);
	}
});

test("each time that it is seen anew has a name of its own", (t) => {
	const seenAt = (at: string) =>
		statusHappenings(
			deskOf(halted, { targets: [{ name: "bots", due: true }], conditions: [evidence("Flat", "Unknown")] }),
			deskOf(halted, { targets: [{ name: "bots", due: true }], conditions: [evidence("Flat", "False", at)] }),
			"replica-0",
		).map(({ sameAs }) => sameAs);
	t.is(new Set([...seenAt("a"), ...seenAt("b")]).size, 4);
});

test("the record does not tell of itself that it is behind: that would make it so", (t) => {
	const said = (status: "True" | "False") =>
		deskOf(halted, { conditions: [evidence("AuditCurrent", status), evidence("Armed", "True")] });
	t.deepEqual(statusHappenings(said("True"), said("False"), "replica-0"), []);
	t.deepEqual(statusHappenings(said("False"), said("True"), "replica-0"), []);
});

test("a replica that sees a desk first tells the stages that whoever wrote status may not have recorded, no older ones", (t) => {
	// Given a status that was written last at 12:00:40
	const day = "2026-01-01T12:00";
	const status: TradingSafetyStatus = {
		...{ observedGeneration: 7, observedAt: `${day}:40.000Z` },
		lastTransition: {
			...{ generation: 7, from: "Normal", to: "Emergency", observedAt: `${day}:00.000Z` },
			...{ fencedAt: `${day}:01.000Z`, toldAt: `${day}:09.000Z`, confirmedAt: `${day}:39.000Z` },
		},
		clearance: { generation: 7, toMode: "Pause", time: `${day}:39.500Z` },
	};
	const told = (desk: ReturnType<typeof deskOf>) => {
		const before = shortlyBefore(desk);
		return (
			before && statusHappenings(before, desk, "replica-0").map(({ kind, action }) => `${kind} ${action}`)
		);
	};
	// Then what is of the last half minute is told
	t.deepEqual(told(deskOf(halted, status)), ["Transition Confirmed", "Reset Cleared"]);
	// And nothing once a later look has found all of it
	t.deepEqual(told(deskOf(halted, { ...status, observedAt: "2026-01-01T12:05:00.000Z" })), []);
	// And with the names that it has when it is seen to happen
	const desk = deskOf(halted, status);
	const before = deskOf(halted, {
		...status,
		lastTransition: { ...status.lastTransition, confirmedAt: undefined },
	} as never);
	const [live] = statusHappenings(before, desk, "replica-0");
	t.is(live?.sameAs, statusHappenings(shortlyBefore(desk), desk, "replica-1")[0]?.sameAs);
	// And not where status speaks of another generation, or there is none
	t.is(shortlyBefore(deskOf(halted, status, 8)), undefined);
	t.is(shortlyBefore(deskOf(halted)), undefined);
});

test("of another object nothing that was seen before counts", (t) => {
	const other = { ...deskOf(halted, { clearance: { generation: 7, toMode: "Pause", time: "c" } }) };
	const anew = { ...other, metadata: { ...other.metadata, uid: "another" } };
	t.is(statusHappenings(other, anew, "replica-0").length, 1);
});
