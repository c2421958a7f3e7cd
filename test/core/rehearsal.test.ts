import test from "ava";
import { type Culprit, culpritOf, type FailedCall } from "../../core/culprit.ts";
import { type GuardTrial, guarded } from "../../core/guards.ts";
import { describeTrial, rehearsed, trials } from "../../core/rehearsal.ts";
import { deskOf, podOf, seen, target, workloadOf } from "./desk.ts";

const now = "2026-01-01T00:00:20.000Z";
const at = "2026-01-01T00:00:10.000Z";
const desk = deskOf({ mode: "Normal", targets: [target("bots"), target("risk", { preset: "Risk" })] });
const call = (message: string, rest: Partial<FailedCall> = {}): FailedCall => ({
	code: "SERVER",
	status: 500,
	message,
	...rest,
});
const down = call(
	'DELETE /pods/a: 500 InternalError: Internal error occurred: failed calling webhook "pods.corp.example": failed to call webhook: Post "https://127.0.0.1:1/?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
);
const noDryRun = call(
	'PATCH /x: 400 BadRequest: admission webhook "old.corp.example" does not support dry run',
	{
		code: "INVALID",
		status: 400,
	},
);

test("what is tried: a pod of each target that stops, a workload of each kind, a record, a raise", (t) => {
	// Given a desk with a target that some mode stops and one that none does
	const observed = seen({
		pods: [podOf("bots", { name: "b2" }), podOf("bots", { name: "b1" }), podOf("risk"), podOf("other")],
		workloads: [
			workloadOf("bots", 2, { name: "z" }),
			workloadOf("bots", 2, { name: "a" }),
			workloadOf("bots", 1, { kind: "StatefulSet", name: "s" }),
			workloadOf("risk", 1, { kind: "StatefulSet", name: "a" }),
		],
	});
	// When trials are chosen, then they are the first by name, and risk is not touched
	t.deepEqual(
		trials(desk, observed).map((trial) =>
			trial.kind === "DeletePod"
				? `delete ${trial.pod.name}`
				: trial.kind === "ScaleToZero"
					? `scale ${trial.workload.kind} ${trial.workload.name}`
					: describeTrial(trial),
		),
		[
			"delete b1",
			"scale Deployment a",
			"scale StatefulSet s",
			"creating a RestoreRecord",
			"raising the desk",
		],
	);
});

test("the culprit is named out of what the API server says", (t) => {
	const forbidden = { code: "FORBIDDEN", status: 403 };
	const cases: readonly (readonly [FailedCall, Culprit["reason"], RegExp])[] = [
		[down, "WebhookDown", /^webhook pods.corp.example does not answer \(.*connection refused\)$/],
		[
			call('admission webhook "w.x" denied the request: no', forbidden),
			"WebhookRefuses",
			/^webhook w.x refuses \(no\)$/,
		],
		[noDryRun, "DryRunUnsupported", /^webhook old.corp.example does not support dry run$/],
		[
			call(
				"pods \"a\" is forbidden: ValidatingAdmissionPolicy 'keep' with binding 'b' denied request: stay",
				forbidden,
			),
			"PolicyRefuses",
			/^policy keep refuses \(stay\)$/,
		],
		[
			call('restorerecords "a" is forbidden: exceeded quota: few, requested: count/x=1', forbidden),
			"QuotaExceeded",
			/^quota few stands in the way$/,
		],
		[
			call('pods "a" is forbidden: User "u" cannot delete resource "pods" in API group ""', forbidden),
			"NotPermitted",
			/^RBAC: the operator cannot delete resource "pods"$/,
		],
		[
			call("the server could not find the requested resource", { code: "NOT_FOUND", status: 404 }),
			"KindMissing",
			/does not know this kind/,
		],
		[call("too many requests", { code: "TOO_MANY_REQUESTS", status: 429 }), "Overloaded", /no place/],
		[{ code: "TIMEOUT", message: "no answer within 12 s" }, "NoAnswer", /no answer/],
		[call("etcdserver: no leader"), "Refused", /etcdserver: no leader/],
	];
	for (const [failure, reason, who] of cases) {
		// Given a failed call, when the culprit is asked for, then it is named with what helps
		const culprit = culpritOf(failure);
		t.is(culprit.reason, reason);
		t.regex(culprit.who, who);
		t.true(culprit.remedy.length > 0);
	}
});

test("Rehearsed is True only for what was tried lately", (t) => {
	// Given a rehearsal in which everything passed
	const attempts = ["deleting a pod of target bots", "creating a RestoreRecord", "raising the desk"].map(
		(what) => ({ what }),
	);
	// When it is fresh, old, missing, or had nothing but the desk itself to try
	// Then only the first is True
	t.like(rehearsed(desk, { now, rehearsal: { at, attempts } }), { status: "True", reason: "WouldPass" });
	t.like(rehearsed(desk, { now: "2026-01-01T00:01:11.000Z", rehearsal: { at, attempts } }), {
		status: "Unknown",
		reason: "NotTriedLately",
	});
	t.like(rehearsed(desk, { now }), { status: "Unknown", reason: "NotTriedYet" });
	t.like(rehearsed(desk, { now, rehearsal: { at, attempts: attempts.slice(1) } }), {
		status: "Unknown",
		reason: "NothingToTry",
	});
});

test("Rehearsed is False with the culprit, the calls it stops and the remedy", (t) => {
	// Given a webhook that is down for two calls, and one that cannot be rehearsed
	const attempts = [
		{ what: "deleting a pod of target a", failure: down },
		{ what: "deleting a pod of target b", failure: down },
		{ what: "scaling a Deployment to zero", failure: noDryRun },
		{ what: "raising the desk" },
	];
	// When it is judged
	const found = rehearsed(desk, { now, rehearsal: { at, attempts } });
	// Then the one that is down is named once, with both calls
	t.like(found, { status: "False", reason: "WebhookDown" });
	t.regex(
		found.message,
		/^a halt would be refused: deleting a pod of target a, deleting a pod of target b: webhook pods.corp.example .*namespaceSelector/,
	);
	t.notRegex(found.message, /old.corp/);
	// When there is only the other, then nobody knows
	const unsure = rehearsed(desk, { now, rehearsal: { at, attempts: attempts.slice(2) } });
	t.like(unsure, { status: "Unknown", reason: "DryRunUnsupported" });
	t.regex(unsure.message, /cannot be rehearsed, which does not mean that it would fail/);
});

test("a halt under way that is refused says so whatever was rehearsed", (t) => {
	// Given a rehearsal that passed and a scale that is refused now
	const rehearsal = { at, attempts: ["a", "b", "c"].map((what) => ({ what })) };
	const obstacles = [{ what: "scaling Deployment bots to zero", failure: down }];
	// When it is judged, then what is left is named
	const found = rehearsed(desk, { now, rehearsal, obstacles });
	t.is(found.status, "False");
	t.regex(
		found.message,
		/^a halt is under way and is refused: scaling Deployment bots to zero: webhook pods/,
	);
});

test("Guarded is True when every guard refused, False when one let through, Unknown otherwise", (t) => {
	const refused: GuardTrial = { guard: "change", result: "Refused" };
	const cases: readonly (readonly [readonly GuardTrial[], "True" | "False" | "Unknown", RegExp])[] = [
		[[refused, { guard: "status", result: "Refused" }], "True", /clearing without the right/],
		[
			[refused, { guard: "status", result: "LetThrough" }],
			"False",
			/policy tradingsafety-status or its binding/,
		],
		[[refused, { guard: "status", result: { unsure: "no answer" } }], "Unknown", /no answer/],
	];
	for (const [trials, status, message] of cases) {
		// Given what became of the trials, when it is judged, then it says no more than was seen
		const found = guarded(desk, now, { at, trials });
		t.is(found.status, status);
		t.regex(found.message, message);
	}
	t.is(guarded(desk, now, undefined).status, "Unknown");
	t.is(guarded(desk, "2026-01-01T00:01:11.000Z", { at, trials: [refused] }).status, "Unknown");
});
