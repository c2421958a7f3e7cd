import test from "ava";
import { sight } from "../../core/sighting.ts";
import { nextStatus, saysTheSame, withClearance } from "../../core/status.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { deskOf, factsOf, podOf, recordOf, seen, target, workloadOf } from "./desk.ts";

const targets = [target("bot"), target("risk", { preset: "Risk" })];
const stopped = seen({
	pods: [podOf("risk")],
	workloads: [workloadOf("bot", 0), workloadOf("risk", 1)],
	records: [recordOf("bot", 3)],
});
const condition = (status: ReturnType<typeof nextStatus>, type: string) =>
	status.conditions?.find((one) => one.type === type);
const statusOf = (
	desk: TradingSafety,
	...rest: Parameters<typeof factsOf> extends [unknown, ...infer R] ? R : never
) => nextStatus(desk, factsOf(desk, ...rest), [sight(desk, "2026-01-01T00:00:09.000Z")]);

test("status raises what it holds and never lowers it", (t) => {
	// Given what a target is held at, and what is wanted
	const held = (
		fencedAs: "Pause" | "Reduce" | "Emergency" | "Freeze" | undefined,
		mode: "Normal" | "Pause" | "Emergency",
	) => {
		const row = { name: "bot", ...(fencedAs && { fencedAs }) };
		const desk = deskOf({ mode, targets }, { targets: [row] });
		return statusOf(desk, stopped).targets?.find(({ name }) => name === "bot")?.fencedAs;
	};
	// When a replica writes status, then the more severe of both stands in it
	t.is(held(undefined, "Normal"), undefined);
	t.is(held(undefined, "Pause"), "Pause");
	t.is(held("Pause", "Emergency"), "Emergency");
	t.is(held("Emergency", "Pause"), "Emergency");
	t.is(held("Reduce", "Normal"), "Reduce");
	t.is(held("Freeze", "Emergency"), "Freeze");
});

test("a target that left spec keeps what was held against it", (t) => {
	// Given status with a held target that spec does not name any more
	const desk = deskOf({ mode: "Pause", targets }, { targets: [{ name: "old", fencedAs: "Emergency" }] });
	// When a replica writes status
	// Then it is still there
	t.like(statusOf(desk, stopped).targets?.at(-1), { name: "old", fencedAs: "Emergency" });
});

test("status never has more rows of targets than the API server takes", (t) => {
	// Given many targets that left spec while they were held
	const gone = Array.from({ length: 80 }, (_, index) => ({
		name: `gone-${index}`,
		fencedAs: "Pause" as const,
	}));
	const desk = deskOf({ mode: "Pause", targets }, { targets: gone });
	// When a replica writes status, then those of spec are there, and 64 in all
	const rows = statusOf(desk, stopped).targets ?? [];
	t.is(rows.length, 64);
	t.deepEqual(
		rows.slice(0, 2).map(({ name }) => name),
		["bot", "risk"],
	);
});

test("Confirmed needs the hold, the proof, the list and the owners", (t) => {
	// Given a halted desk, all done, and the same with one thing missing
	const row = { targets: [{ name: "bot", fencedAs: "Pause" as const }] };
	const desk = deskOf({ mode: "Pause", targets }, row);
	const reason = (...rest: Parameters<typeof statusOf> extends [unknown, ...infer R] ? R : never) => {
		const found = condition(statusOf(desk, ...rest), "Confirmed");
		return `${found?.status} ${found?.reason}`;
	};
	// When conditions are found
	// Then it is True only when nothing is missing
	t.is(reason(stopped, ["bot"]), "True NothingLeft");
	t.is(reason(stopped, []), "False PodsLeft");
	t.is(reason(seen({ workloads: [workloadOf("bot", 3)] }), ["bot"]), "False StopRunning");
	t.is(reason(stopped, ["bot"], { fence: { error: "no answer" } }), "False FenceUnproven");
	const unheld = condition(statusOf(deskOf({ mode: "Pause", targets }), stopped, ["bot"]), "Confirmed");
	t.is(unheld?.reason, "NotHeld");
	const open = deskOf({ mode: "Normal", targets });
	t.is(
		condition(statusOf(open, seen({ workloads: [workloadOf("bot", 3)] })), "Confirmed")?.reason,
		"Running",
	);
});

test("the mode in force changes when it is confirmed and not before", (t) => {
	// Given a desk whose mode in force is Normal, now in Pause and frozen
	const desk = deskOf(
		{ mode: "Pause", freeze: true, targets },
		{
			modeInForce: "Normal",
			targets: [
				{ name: "bot", fencedAs: "Freeze" },
				{ name: "risk", fencedAs: "Freeze" },
			],
		},
	);
	// When pods are left, and when they are gone
	// Then only the second says so
	t.is(statusOf(desk, stopped).modeInForce, "Normal");
	t.is(statusOf(desk, stopped, ["bot"]).modeInForce, "Pause+Freeze");
});

test("conditions name the culprit", (t) => {
	// Given a namespace without label, a target that selects nothing, and a pod of two targets
	const both = target("both", { selector: { matchLabels: { role: "x" } } });
	const desk = deskOf({ mode: "Normal", targets: [target("bot"), target("nobody"), both] });
	const observed = seen({ pods: [podOf("bot", { labels: { app: "bot", role: "x" } })] });
	const { enforceLabel: _absent, ...facts } = factsOf(desk, observed);
	// When conditions are found
	const status = nextStatus(desk, facts, []);
	// Then each says which one
	t.is(condition(status, "Fenced")?.reason, "NamespaceNotLabelled");
	t.regex(condition(status, "TargetsFound")?.message ?? "", /nobody/);
	t.regex(condition(status, "TargetsDistinct")?.message ?? "", /bot-pod \(bot, both\)/);
	t.regex(
		condition(status, "SignalAvailable")?.message ?? "",
		/target bot, nobody: give it signal.http.port/,
	);
	t.is(condition(status, "AuditCurrent")?.reason, "NotConfigured");
	t.is(condition(status, "Fenced")?.observedGeneration, 7);
});

test("a condition keeps the time of its last change", (t) => {
	// Given a status written earlier
	const desk = deskOf({ mode: "Pause", targets }, { targets: [{ name: "bot", fencedAs: "Pause" }] });
	const earlier = statusOf(desk, stopped);
	const later = { now: "2026-01-01T00:01:00.000Z" };
	// When it is written again, with the pods gone
	const next = statusOf({ ...desk, status: earlier }, stopped, ["bot"], later);
	// Then only what changed has a new time
	t.is(condition(next, "Confirmed")?.lastTransitionTime, later.now);
	t.is(condition(next, "Armed")?.lastTransitionTime, "2026-01-01T00:00:10.000Z");
});

test("a clearance is given and taken back by the leader, and void in another generation", (t) => {
	// Given a halted desk, all done, without clearance
	const desk = deskOf({ mode: "Pause", targets }, { targets: [{ name: "bot", fencedAs: "Pause" }] });
	const facts = factsOf(desk, stopped, ["bot"]);
	const status = nextStatus(desk, facts, []);
	// When the leader looks
	const given = withClearance(desk, status, facts);
	// Then it clears, says so, and has nothing more to say
	t.like(given?.clearance, { generation: 7, toMode: "Normal" });
	t.is(given && condition(given, "Cleared")?.status, "True");
	t.is(given && withClearance(desk, given, facts), undefined);
	// And takes it back when a hold stands
	const left = factsOf(desk, stopped);
	const worse = nextStatus({ ...desk, ...(given && { status: given }) }, left, []);
	t.deepEqual(withClearance(desk, worse, left)?.clearance, undefined);
	// And no replica carries it into another generation
	const raised = deskOf({ mode: "Emergency", targets }, given, 8);
	t.is(nextStatus(raised, factsOf(raised, stopped), []).clearance, undefined);
});

test("two statuses that differ in times alone, or in the order of keys, say the same", (t) => {
	// Given a status and variants of it
	const a = { modeInForce: "Pause", observedAt: "2026-01-01T00:00:10.000Z", observedGeneration: 3 };
	// When they are compared, then only another fact makes a difference
	t.true(saysTheSame(a, { observedGeneration: 3, observedAt: "2026-02-02T10:00:10Z", modeInForce: "Pause" }));
	t.false(saysTheSame(a, { ...a, observedGeneration: 4 }));
	t.false(saysTheSame(a, { ...a, holds: [] }));
	t.false(saysTheSame(undefined, {}));
});
