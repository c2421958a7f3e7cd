import test from "ava";
import { judgePod } from "../../core/fence.ts";
import type { AnswerProblem, Observed, Signals } from "../../core/observed.ts";
import { stopPlan } from "../../core/plan.ts";
import { restoreStep } from "../../core/restore.ts";
import {
	isDeadlineOver,
	isReadyForSignal,
	noSignals,
	permitColumn,
	raiseKeyAvailable,
	signalAvailable,
} from "../../core/signals.ts";
import { nextStatus } from "../../core/status.ts";
import { getsMilder, targetStates } from "../../core/targets.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TargetStatus } from "../../crds/status.ts";
import { columns } from "../../crds/vocabulary.ts";
import { deskOf, factsOf, podOf, recordOf, seen, target, workloadOf } from "./desk.ts";

const told = { preset: "Bot" as const, signal: { http: { port: 8090 } } };
const targets = [target("bot", told)];
const bot = podOf("bot", { node: "n", address: "10.0.0.1", ready: true });
const other = podOf("bot", { name: "other", uid: "other-uid", node: "n", ready: true });
const held = (row: Partial<TargetStatus> = {}) => ({ targets: [{ name: "bot", ...row }] });
const signals = (rest: Partial<Signals>): Signals => ({ ...noSignals, ...rest });
const withSignals = (observed: Observed, rest: Partial<Signals>): Observed => ({
	...observed,
	signals: signals(rest),
});
const stateOf = (spec: Partial<TradingSafetySpec>, row?: Partial<TargetStatus>) => {
	const [state] = targetStates(deskOf({ targets, ...spec }, row && held(row)));
	if (state === undefined) throw new Error("no state");
	return state;
};
const uids = (...ids: string[]) => new Set(ids);

/** What Bot and the fence do, by how far permits reach it; in Normal, Pause, Reduce, Emergency and Freeze. */
const table = {
	Admit: ["Run admit", "Signal admit", "Signal admit", "Signal deny", "Stop deny"],
	Keep: ["Run admit", "Signal deny", "Signal deny", "Signal deny", "Stop deny"],
	none: ["Run admit", "Stop deny", "Stop deny", "Stop deny", "Stop deny"],
} as const;

for (const [reach, row] of Object.entries(table)) {
	test(`a Bot that permits reach so far: ${reach}`, (t) => {
		for (const [index, column] of columns.entries()) {
			// Given a desk in that column
			const mode = column === "Freeze" ? { mode: "Pause" as const, freeze: true } : { mode: column };
			const status = held(reach === "none" ? {} : { signalled: reach as "Admit" | "Keep" });
			const desk = deskOf({ ...mode, targets }, status);
			// When its action is asked for, and what the fence says to a new pod
			const [state] = targetStates(desk);
			const verdict = judgePod(desk, { app: "bot" }).allowed ? "admit" : "deny";
			// Then it is that of the table, and where no policy stamps none is made in a halt
			t.is(`${state?.action} ${verdict}`, row[index] ?? "", column);
			const unstamped = judgePod(desk, { app: "bot" }, undefined, false).allowed;
			t.is(unstamped, state?.action === "Run", column);
		}
	});
}

test("a target without an address for permits is stopped, whatever status says", (t) => {
	// Given one that names no port, and a status that somebody wrote by hand
	const desk = deskOf({ mode: "Pause", targets: [target("bot")] }, held({ signalled: "Admit" }));
	// When it is judged, then Signal is Stop
	t.is(targetStates(desk)[0]?.action, "Stop");
	t.false(judgePod(desk, { app: "bot" }).allowed);
});

test("a table that goes from Stop back to Signal, or from Signal to Keep, is refused", (t) => {
	// Given tables in which a raise would let something run again
	const of = (onPause: "Stop" | "Signal", onReduce: "Signal" | "Keep") =>
		target("bot", { ...told, onPause: { action: onPause }, onReduce: { action: onReduce } });
	// When they are asked about, then both get milder, and the preset does not
	t.true(getsMilder(of("Stop", "Signal")));
	t.true(getsMilder(of("Signal", "Keep")));
	t.false(getsMilder(target("bot", told)));
});

test("what is told is not stopped; what stays silent is, alone, and its target makes no other", (t) => {
	// Given two bots that are told, of which one did not acknowledge in time
	const deskWith = (signalled: "Admit" | "Keep") =>
		deskOf({ mode: "Pause", targets }, held({ fencedAs: "Pause", signalled }));
	const desk = deskWith("Admit");
	const parts = seen({ pods: [bot, other], workloads: [workloadOf("bot", 2)] });
	const answers = { obeying: uids(bot.uid), silent: uids(other.uid) };
	const observed = withSignals(parts, answers);
	const planned = (of: typeof desk, seenAs = observed) =>
		stopPlan(of, seenAs).map((effect) => (effect.kind === "DeletePod" ? effect.pod.name : effect.kind));
	// When the plan is asked for, then it is that pod alone, once its target is closed or should have been
	t.deepEqual(planned(desk), []);
	t.deepEqual(planned(deskWith("Keep")), ["other"]);
	t.deepEqual(planned(desk, withSignals(parts, { ...answers, overdue: uids(other.uid) })), ["other"]);
	// And status closes the target
	const [row] = nextStatus(desk, factsOf(desk, observed), []).targets ?? [];
	t.is(row?.signalled, "Keep");
	t.deepEqual(row?.unconfirmed, ["other on n"]);
	// When silence is only to be reported, then nothing is stopped or closed
	const reporting = {
		...desk,
		spec: {
			...desk.spec,
			targets: [target("bot", { ...told, signal: { http: { port: 1 }, onNoAck: "Report" } })],
		},
	};
	t.deepEqual(stopPlan(reporting, observed), []);
	t.is(nextStatus(reporting, factsOf(reporting, observed), []).targets?.[0]?.signalled, "Admit");
});

test("at the deadline what was told is stopped, before status says so, and status says so", (t) => {
	// Given bots in Emergency that were told
	const desk = deskOf({ mode: "Emergency", targets }, held({ fencedAs: "Emergency", signalled: "Admit" }));
	const parts = seen({ pods: [bot], workloads: [workloadOf("bot", 1)] });
	const before = withSignals(parts, { obeying: uids(bot.uid) });
	t.deepEqual(stopPlan(desk, before), []);
	// When their time is over
	t.false(isDeadlineOver(stateOf({ mode: "Emergency" }, { signalled: "Admit" }), 59.9));
	t.true(isDeadlineOver(stateOf({ mode: "Emergency" }, { signalled: "Admit" }), 60));
	t.false(isDeadlineOver(stateOf({ mode: "Reduce" }, { signalled: "Admit" }), 1e6));
	const after = { ...withSignals(parts, { obeying: uids(bot.uid) }), due: uids("bot") };
	// Then they are stopped as others are
	t.deepEqual(
		stopPlan(desk, after).map((effect) => effect.kind),
		["DeletePod", "CreateRecord"],
	);
	const row = nextStatus(desk, factsOf(desk, after), []).targets?.[0];
	t.is(row?.signalled, undefined);
	t.true(row?.due);
});

test("what is kept until the desk is flat is stopped once status says that it is due, and comes back", (t) => {
	// Given gateways that Emergency keeps for a while, and one that it keeps for ever
	const kept = {
		preset: "Gateway" as const,
		onEmergency: { action: "Keep" as const, stop: { deadlineSeconds: 5 } },
	};
	const ever = target("risk", { preset: "Risk" });
	const gateways = [target("bot", kept), ever];
	const parts = seen({ pods: [bot], workloads: [workloadOf("bot", 1)] });
	const states = targetStates(deskOf({ mode: "Emergency", targets: gateways }));
	t.deepEqual(
		states.map((state) => isDeadlineOver(state, 5)),
		[true, false],
	);
	// When they are due, then status says so first: nothing is stopped that a leader might bring back
	const desk = deskOf({ mode: "Emergency", targets: gateways }, held({ fencedAs: "Emergency" }));
	const due = { ...parts, due: uids("bot") };
	t.deepEqual(stopPlan(desk, due), []);
	const [row] = nextStatus(desk, factsOf(desk, due), []).targets ?? [];
	t.true(row?.due);
	const said = deskOf({ mode: "Emergency", targets: gateways }, held({ fencedAs: "Emergency", due: true }));
	t.deepEqual(
		stopPlan(said, parts).map((effect) => effect.kind),
		["DeletePod", "CreateRecord"],
	);
	const stopped = seen({ workloads: [workloadOf("bot", 0)], records: [recordOf("bot", 1)] });
	t.deepEqual(restoreStep(said, stopped, uids("bot")).effects, []);
	// And a gateway whose table says nothing waits only where it can be seen whether the desk is flat
	const plain = [target("bot", { preset: "Gateway" })];
	const flat = { prometheus: { url: "http://p" }, flat: { query: "q", expectSeries: 1 } };
	const [blind] = targetStates(deskOf({ mode: "Emergency", targets: plain }));
	const [sighted] = targetStates(deskOf({ mode: "Emergency", targets: plain, ...flat }));
	t.deepEqual([blind?.action, blind?.runs, blind?.admits], ["Stop", false, false]);
	t.deepEqual([sighted?.action, sighted?.runs, sighted?.admits], ["Keep", true, false]);
	// And with the way back they are released, and scaled to what they were
	const lowered = deskOf({ mode: "Pause", targets: gateways }, held({ fencedAs: "Emergency", due: true }));
	t.is(restoreStep(lowered, stopped, uids("bot")).effects[0]?.kind, "Release");
	const released = deskOf({ mode: "Pause", targets: gateways }, held({ fencedAs: "Pause", due: true }));
	t.is(restoreStep(released, stopped, uids("bot")).effects[0]?.kind, "Scale");
	t.is(nextStatus(released, factsOf(released, stopped), []).targets?.[0]?.due, undefined);
});

test("status never widens how far permits reach; it narrows with a lost key", (t) => {
	// Given targets of each state in Pause
	for (const before of [undefined, "Keep", "Admit"] as const) {
		const desk = deskOf({ mode: "Pause", targets }, held(before && { signalled: before }));
		const next = (rest: Partial<Signals>) =>
			nextStatus(desk, factsOf(desk, withSignals(seen({ pods: [bot] }), rest)), []).targets?.[0]?.signalled;
		// When everything is well, then it stays; when there is no key, then it is Stop
		t.is(next({ obeying: uids(bot.uid) }), before);
		t.is(next({ problem: "no Secret" }), undefined);
	}
});

test("confirmed only when every pod has acknowledged, of a fresh list", (t) => {
	// Given a desk in Pause whose bots are told
	const desk = deskOf({ mode: "Pause", targets }, held({ fencedAs: "Pause", signalled: "Admit" }));
	const observed = withSignals(seen({ pods: [bot] }), { obeying: uids(bot.uid) });
	const confirmed = (obeyed?: ReadonlyMap<string, { readonly at: string }>) =>
		nextStatus(desk, factsOf(desk, observed, [], { ...(obeyed && { obeyed }) }), []);
	const found = (status: ReturnType<typeof confirmed>) =>
		status.conditions?.find(({ type }) => type === "Confirmed");
	// When no list has shown it, then it is not, and a hold says so
	t.like(found(confirmed()), { status: "False", reason: "NotAcknowledged" });
	t.is(confirmed().holds?.[0]?.name, "NotAcknowledged/bot");
	// When one has, then it is
	const at = "2026-01-01T00:00:05.000Z";
	t.like(found(confirmed(new Map([["bot", { at }]]))), { status: "True", reason: "Acknowledged" });
});

test("Signal is taken up only in Normal, with a key, when every pod acknowledges", (t) => {
	// Given a bot that acknowledges in Normal
	const observed = withSignals(seen({ pods: [bot] }), { obeying: uids(bot.uid) });
	t.true(isReadyForSignal(stateOf({ mode: "Normal" }), observed));
	// When anything is otherwise, then it is not
	t.false(isReadyForSignal(stateOf({ mode: "Pause" }), observed));
	t.false(isReadyForSignal(stateOf({ mode: "Normal" }, { fencedAs: "Pause" }), observed));
	t.false(isReadyForSignal(stateOf({ mode: "Normal" }, { signalled: "Admit" }), observed));
	t.false(isReadyForSignal(stateOf({ mode: "Normal" }), withSignals(observed, { obeying: uids() })));
	t.false(
		isReadyForSignal(
			stateOf({ mode: "Normal" }),
			withSignals(observed, { ...observed.signals, problem: "x" }),
		),
	);
	t.false(isReadyForSignal(stateOf({ mode: "Normal" }), seen({ pods: [bot] })));
	t.false(isReadyForSignal(stateOf({ mode: "Normal", targets: [target("bot")] }), observed));
	// And one on no node yet runs nothing
	const pending = podOf("bot", { name: "new", uid: "new" });
	t.true(
		isReadyForSignal(
			stateOf({ mode: "Normal" }),
			withSignals(seen({ pods: [bot, pending] }), { obeying: uids(bot.uid) }),
		),
	);
});

test("who does not answer is named with what came instead and what helps, some of each", (t) => {
	// Given a told target whose pods answer in different ways
	const pods = ["a", "b", "c", "d", "e"].map((name) => podOf("bot", { name, uid: name, node: "n" }));
	const problems = new Map<string, AnswerProblem>([
		...["a", "b", "c", "d"].map((uid) => [uid, "NobodyListens"] as const),
		["e", "Disagrees"],
	]);
	const observed = withSignals(seen({ pods }), { problems });
	const said = (signalled?: "Admit" | "Keep") =>
		signalAvailable(observed, [stateOf({ mode: "Pause" }, { ...(signalled && { signalled }) })]).message;
	const nobody = "a, b, c (nobody listens: its gate has to, at signal.http.port)";
	// When it is asked for, then it says so, before and after it was told for the first time, and when one was silent
	for (const message of [said(), said("Admit"), said("Keep")]) {
		t.true(message.includes(nobody), message);
		t.regex(message, /; e \(it answers of another epoch, or allows more than holds: /);
	}
});

test("whether the raise key can be used is said where bots are told", (t) => {
	// Given a told target, and what was read of the Secret
	const found = (problem?: string, of = targets) => {
		const rest = problem === undefined ? {} : { raiseKeyProblem: problem };
		return raiseKeyAvailable(withSignals(seen({}), rest), targetStates(deskOf({ targets: of })));
	};
	// When it was read, was not, or holds no key, then that is what is said, with the remedy
	t.like(found(""), { status: "True", reason: "Read" });
	t.like(found(), { status: "Unknown", reason: "NotRead" });
	t.like(found("Secret x is not there: make one"), { status: "False", reason: "NoKey" });
	t.regex(found("Secret x is not there: make one")?.message ?? "", /Secret x is not there: make one/);
	t.is(found("", [target("bot")]), undefined);
});

test("permits say Pause until all is back, the more severe of wanted and held, and Normal where a desk observes", (t) => {
	// Given desks
	const column = (spec: Partial<TradingSafetySpec>, fencedAs: "Reduce" | undefined, isRestored: boolean) => {
		const desk = deskOf({ targets, ...spec }, held(fencedAs && { fencedAs }));
		const [state] = targetStates(desk);
		return state && permitColumn(desk, state, isRestored);
	};
	// When the column of permits is asked for, then it is
	t.is(column({ mode: "Normal" }, undefined, true), "Normal");
	t.is(column({ mode: "Normal" }, undefined, false), "Pause");
	t.is(column({ mode: "Pause" }, "Reduce", true), "Reduce");
	t.is(column({ mode: "Pause", targetModes: { bot: "Emergency" } }, undefined, false), "Emergency");
	t.is(column({ mode: "Emergency", enforcement: "Observe" }, "Reduce", false), "Normal");
});

test("a stage of a restore ends when its pods have acknowledged", (t) => {
	// Given bots that are back and Ready
	const desk = deskOf({ mode: "Normal", targets });
	const parts = seen({ pods: [bot], workloads: [workloadOf("bot", 1)], records: [recordOf("bot", 1)] });
	const next = (observed: Observed) => {
		const { effects, waitingFor } = restoreStep(desk, observed, new Set());
		return [...effects.map((effect) => effect.kind), ...waitingFor];
	};
	// When they have not, then it waits; when they have, or nothing can be signed, it goes on
	t.deepEqual(next(withSignals(parts, {})), ["1 pods to acknowledge their permit: bot-pod"]);
	t.deepEqual(next(withSignals(parts, { obeying: uids(bot.uid) })), ["DeleteRecord"]);
	t.deepEqual(next(withSignals(parts, { problem: "no Secret" })), ["DeleteRecord"]);
});

test("a view that was found to be behind brings nothing back and ends nothing", (t) => {
	// Given a released target at zero whose record was not listed again yet
	const desk = deskOf({ mode: "Normal", targets: [target("bot")] }, held({ fencedAs: "Pause" }));
	const observed = seen({ workloads: [workloadOf("bot", 0)] });
	t.is(restoreStep(desk, observed, new Set()).effects[0]?.kind, "Release");
	// When the next step is asked for, then it waits for the list
	const { effects, done, waitingFor } = restoreStep(desk, { ...observed, doubted: true }, new Set());
	t.deepEqual([effects, done, waitingFor], [[], false, ["what is in the namespace to be listed again"]]);
});
