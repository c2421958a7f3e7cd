import test from "ava";
import { contestOf, joinContests, standingContests } from "../../core/contest.ts";
import type { Observed, Recorded, Workload } from "../../core/observed.ts";
import { stopPlan } from "../../core/plan.ts";
import { restoreStep } from "../../core/restore.ts";
import { nextStatus } from "../../core/status.ts";
import { deskOf, factsOf, recordOf, seen, target, workloadOf } from "./desk.ts";

const autoscaler = (replicas: number): Workload =>
	workloadOf("bot", replicas, {
		kind: "HorizontalPodAutoscaler",
		apiVersion: "autoscaling/v2",
		uid: "hpa-uid",
		switched: true,
		scales: { kind: "Deployment", name: "bot" },
	});
const job = (replicas: number, rest: Partial<Workload> = {}): Workload =>
	workloadOf("bot", replicas, {
		kind: "Job",
		uid: "job-uid",
		switched: true,
		notRestored: "Job: no",
		...rest,
	});
const targets = [target("bot")];
const held = { targets: [{ name: "bot", fencedAs: "Emergency" as const }] };
const opened = deskOf({ mode: "Normal", targets }, { targets: [{ name: "bot" }] });
const steps = (observed: Observed, desk = opened) => {
	const { effects, waitingFor } = restoreStep(desk, observed, new Set());
	return [...effects.map((effect) => effect.kind), ...waitingFor];
};

test("an autoscaler is told before what it scales, with what it had", (t) => {
	// Given both at zero, with their records
	const records = [recordOf("bot", 3), { ...recordOf("bot", 1), workloadUid: "hpa-uid", earlier: "Min" }];
	const observed = seen({ workloads: [workloadOf("bot", 0), autoscaler(0)], records });
	// When the next step is asked for
	const { effects } = restoreStep(opened, observed, new Set());
	// Then it is the autoscaler's
	t.is(effects.length, 1);
	t.like(effects[0], {
		kind: "Scale",
		replicas: 1,
		record: { earlier: "Min" },
		workload: { uid: "hpa-uid" },
	});
	// And then the other's
	const next = restoreStep(
		opened,
		seen({ workloads: [workloadOf("bot", 0), autoscaler(1)], records }),
		new Set(),
	);
	t.like(next.effects[0], { kind: "Scale", replicas: 3, workload: { uid: "bot-uid" } });
});

test("a Job is stopped with a record and listed, and a restore leaves it", (t) => {
	// Given a running Job in a halt
	const halted = deskOf({ mode: "Emergency", targets }, held);
	t.is(stopPlan(halted, seen({ workloads: [job(1)] }))[0]?.kind, "CreateRecord");
	const record = { ...recordOf("bot", 1), workloadUid: "job-uid" };
	t.is(stopPlan(halted, seen({ workloads: [job(1)], records: [record] }))[0]?.kind, "ScaleToZero");
	// When it is stopped, then status lists it, and the release says so too
	const stopped = seen({ workloads: [job(0)], records: [record] });
	const row = { kind: "Job", name: "bot", reason: "Job: no" };
	t.deepEqual(nextStatus(halted, factsOf(halted, stopped), []).notRestored, [row]);
	const lowered = deskOf({ mode: "Normal", targets }, held);
	t.deepEqual(
		restoreStep(lowered, stopped, new Set()).notRestored.map(({ uid }) => uid),
		["job-uid"],
	);
	// Then the restore drops its record and leaves it stopped
	t.deepEqual(steps(stopped), ["DeleteRecord"]);
	// Then the row stays until a person starts it
	const after = deskOf({ mode: "Normal", targets }, { notRestored: [row] });
	t.deepEqual(nextStatus(after, factsOf(after, seen({ workloads: [job(0)] })), []).notRestored, [row]);
	t.deepEqual(nextStatus(after, factsOf(after, seen({ workloads: [job(1)] })), []).notRestored, []);
});

test("a Job that stood still before is not listed", (t) => {
	// Given a Job that somebody had suspended, recorded as that
	const halted = deskOf({ mode: "Emergency", targets }, held);
	const record = { ...recordOf("bot", 0), workloadUid: "job-uid" };
	const observed = seen({ workloads: [job(0)], records: [record] });
	// When status is written, then nothing is to be done about it
	t.deepEqual(nextStatus(halted, factsOf(halted, observed), []).notRestored, []);
});

test("a record whose kind cannot be seen is kept, and waited for", (t) => {
	// Given a record of a kind that may not be listed any more, of which nothing is seen
	const record = { ...recordOf("bot", 3), kind: "Rollout", apiVersion: "argoproj.io/v1alpha1" };
	const unseen = seen({ records: [{ ...record, unseen: true }] });
	// When the next step is asked for, then the restore waits
	t.deepEqual(steps(unseen), ["Rollout bot to be seen again (condition KindsWatched)"]);
	// When the kind is seen and the workload is not, then it was deleted, and its record goes
	t.deepEqual(steps(seen({ records: [record] })), ["DeleteRecord"]);
});

test("Start gives one to kinds without replicas, and leaves a number to the autoscaler", (t) => {
	// Given a liquidator that asks for three, all others gone
	const liquidator = target("bot", { preset: "Liquidator", onEmergency: { action: "Start", replicas: 3 } });
	const desk = deskOf(
		{ mode: "Emergency", targets: [liquidator] },
		{ targets: [{ name: "bot", fencedAs: "Emergency", startAllowed: true }] },
	);
	const asked = (...workloads: Workload[]) =>
		restoreStep(desk, seen({ workloads }), new Set()).effects.map((effect) =>
			effect.kind === "Scale" ? `${effect.workload.kind}=${effect.replicas}` : effect.kind,
		);
	// When it is started
	// Then each gets what it can take, and what is over gets nothing
	t.deepEqual(asked(workloadOf("bot", 0), job(0)), ["Deployment=3", "Job=1"]);
	t.deepEqual(asked(workloadOf("bot", 3), job(1)), []);
	t.deepEqual(asked(workloadOf("bot", 2), autoscaler(1)), []);
	t.deepEqual(asked(workloadOf("bot", 2)), ["Deployment=3"]);
	t.deepEqual(asked(job(0, { over: true })), []);
});

test("a kind that cannot be seen is a condition, and takes nothing from Confirmed", (t) => {
	// Given a halted desk, all done, and kinds that cannot be seen
	const desk = deskOf({ mode: "Emergency", targets }, held);
	const observed: Observed = {
		...seen({ workloads: [workloadOf("bot", 0)], records: [recordOf("bot", 3)] }),
		kindProblems: [
			{ resource: "things.example.com", why: "Forbidden" },
			{ resource: "Thing.gone.example.com", why: "Gone" },
		],
	};
	// When conditions are found
	const { conditions = [] } = nextStatus(desk, factsOf(desk, observed, ["bot"]), []);
	const found = (type: string) => conditions.find((condition) => condition.type === type);
	// Then one names the kind and what to do, and the halt is confirmed all the same
	t.like(found("KindsWatched"), { status: "False", reason: "Forbidden" });
	t.regex(found("KindsWatched")?.message ?? "", /things\.example\.com may not be listed: allow it by/);
	t.regex(
		found("KindsWatched")?.message ?? "",
		/Thing\.gone\.example\.com is recorded, but the kind is gone/,
	);
	t.is(found("Confirmed")?.status, "True");
});

test("a condition is never too long to be written", (t) => {
	// Given as many kinds and contests as there may be, with the longest names
	const desk = deskOf({ mode: "Emergency", targets }, held);
	const long = (length: number, seed: number) => `${seed}`.padEnd(length, "x");
	const kindProblems = (["Forbidden", "NotListed", "Gone"] as const).flatMap((why) =>
		Array.from({ length: 30 }, (_, i) => ({ resource: long(317, i), why })),
	);
	const contests = Array.from({ length: 30 }, (_, i) => ({
		kind: long(63, i),
		name: long(253, i),
		target: "bot",
		manager: long(128, i),
		times: 1,
		since: "2026-01-01T00:00:00.000Z",
		last: "2026-01-01T00:00:00.000Z",
	}));
	// When status is made of them
	const status = nextStatus(desk, factsOf(desk, { ...seen(), kindProblems }, [], { contests }), []);
	// Then it is within its bounds
	for (const { type, message } of status.conditions ?? []) t.true(message.length <= 2048, type);
	t.is(status.contests?.length, 20);
});

const now = "2026-01-01T00:00:10.000Z";

test("who lets a stopped workload grow is told, unless it may grow or it was us", (t) => {
	// Given a halted and an open desk
	const halted = deskOf({ mode: "Emergency", targets }, held);
	const of = (desk: typeof halted, setBy?: string, record?: Recorded) =>
		contestOf(desk, workloadOf("bot", 3, { ...(setBy !== undefined && { setBy }) }), record, now)?.manager;
	// When a workload grows from zero, then its manager is named
	t.is(of(halted, "argocd"), "argocd");
	t.is(of(halted), "unknown");
	t.is(of(halted, "tradingsafety-leader"), undefined);
	t.is(of(opened, "argocd"), undefined);
	// When nobody is named, then only what grew after this generation stopped it counts
	t.is(of(halted, undefined, recordOf("bot", 3, 7)), "unknown");
	t.is(of(halted, undefined, recordOf("bot", 3, 6)), undefined);
	t.is(of(halted, "argocd", recordOf("bot", 3, 6)), "argocd");
});

test("replicas that counted differently end with the same rows, until the halt ends", (t) => {
	// Given two replicas that saw the same rival differently often
	const row = (times: number, since: string, last: string) => ({
		kind: "Deployment",
		name: "bot",
		target: "bot",
		manager: "argocd",
		times,
		since: `2026-01-01T00:00:0${since}.000Z`,
		last: `2026-01-01T00:00:0${last}.000Z`,
	});
	const [a, b] = [row(13, "2", "8"), row(3, "1", "9")];
	const halted = deskOf({ mode: "Emergency", targets }, held);
	const write = (desk: typeof halted, contests: ReturnType<typeof row>[]) =>
		nextStatus(desk, factsOf(desk, seen(), [], { contests }), []);
	const after = (...seenBy: ReturnType<typeof row>[]) => {
		let desk = halted;
		for (const contest of seenBy) desk = deskOf(halted.spec, write(desk, [contest]));
		return desk.status?.contests;
	};
	// When both write in turn, in either order, then the rows are the same, and stay
	const joined = [row(8, "1", "9")];
	t.deepEqual(after(a, b), joined);
	t.deepEqual(after(b, a), joined);
	t.deepEqual(after(a, b, a, b), joined);
	t.deepEqual(joinContests(a, b), joinContests(b, a));
	// When the target is open again, then they go
	const ended = { ...opened, status: { ...opened.status, contests: joined } };
	t.deepEqual(standingContests(ended, factsOf(ended, seen(), [], { contests: [a] })), []);
	t.is(write(ended, []).contests, undefined);
});
