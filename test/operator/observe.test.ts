import test, { type ExecutionContext } from "ava";
import type { TradingSafety } from "../../crds/types.ts";
import { podsPath } from "../../operator/resources.ts";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { people } from "./people.ts";
import { type Call, FaultProxy } from "./proxy.ts";
import { type Replica, startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

const targets = [target("bots", "Bot"), target("gateway", "Gateway"), target("risk", "Risk")];
const all = ["bots", "gateway", "risk"] as const;
const replicasOf = { bots: 2, gateway: 1, risk: 1 } as const;

/** A desk with everything running and two replicas. */
async function running(t: ExecutionContext, spec: object, labels?: Readonly<Record<string, string>>) {
	const desk = await TestDesk.create(t, labels && { labels });
	await desk.run(...all.map((name) => ({ name, replicas: replicasOf[name] })));
	const replicas = [await startReplica(t, desk), await startReplica(t, desk)] as const;
	const witness = await Witness.start(t, desk);
	await desk.govern({ targets, ...spec });
	return { desk, replicas, witness };
}

/** Waits until status speaks of the present generation, and both replicas have seen it. */
function planned(desk: TestDesk): Promise<TradingSafety> {
	return until("the plan stands in status", async () => {
		const found = await desk.get();
		const current = found.status?.observedGeneration === found.metadata.generation;
		return current && conditionIn(found, "Enforced").startsWith("False Observing") ? found : undefined;
	});
}

function conditionIn({ status }: TradingSafety, type: string): string {
	const found = status?.conditions?.find((condition) => condition.type === type);
	return `${found?.status} ${found?.reason}: ${found?.message}`;
}

/** Waits until each replica says of itself whether the desk only observes. */
async function seenBy(desk: TestDesk, replicas: readonly Replica[], observing: boolean): Promise<void> {
	const series = `tradingsafety_observing{namespace="${desk.namespace}"}`;
	for (const replica of replicas) {
		await until("it has seen the switch", async () => (await replica.metric(series)) === Number(observing));
	}
}

/** What the API server has of the workloads: generation and replicas of each. */
async function standing(desk: TestDesk): Promise<readonly string[]> {
	const found = await Promise.all(all.map((name) => desk.workload(name)));
	return found.map(({ metadata, spec }) => `${metadata.uid} ${spec.replicas}`);
}

test.serial("a halt that is only observed touches nothing and is planned into status", async (t) => {
	// Given a new desk that only observes, with everything running
	const { desk, replicas, witness } = await running(t, { enforcement: "Observe" });
	const before = await standing(desk);
	const uids = (await desk.pods()).map((pod) => pod.metadata.uid).sort();
	// Then Pause, in which it was made, is only planned
	const paused = await planned(desk);
	t.is(
		conditionIn(paused, "Enforced"),
		"False Observing: would tell 2 pods to stop, record 1 workloads and scale 1 to zero; nothing was touched",
	);
	// When somebody raises it to Emergency and freezes it
	const { raiser, requester } = await people(t, desk);
	await desk.patch({ mode: "Emergency", trip: { id: "rehearsal", type: "DailyLoss" } }, raiser.client);
	const raised = await planned(desk);
	await seenBy(desk, replicas, true);
	// Then status plans it: what each target would be, how much would be done, and that nothing is
	t.deepEqual(
		raised.status?.targets?.map((row) => [row.name, row.effective, row.planned, row.fencedAs, row.pods]),
		[
			["bots", "Run", "Stop", undefined, 2],
			["gateway", "Run", "Stop", undefined, 1],
			["risk", "Run", "Keep", undefined, 1],
		],
	);
	t.is(
		conditionIn(raised, "Enforced"),
		"False Observing: would tell 3 pods to stop, record 2 workloads and scale 2 to zero; nothing was touched",
	);
	t.regex(conditionIn(raised, "Confirmed"), /^False Observing: .* bots \(Stop\), gateway \(Stop\)$/);
	t.regex(conditionIn(raised, "Fenced"), /^False Observing/);
	t.regex(conditionIn(raised, "Restored"), /^True Open/);
	t.is(raised.status?.modeInForce, "Observe");
	t.like(raised.status?.lastTransition, { from: "Pause+Observe", to: "Emergency+Observe" });
	t.is(raised.status?.lastTransition?.toldAt, undefined);
	t.like(raised.status?.trips?.last, { id: "rehearsal", mode: "Emergency", observed: true });
	// When it is lowered step by step by somebody who needs a clearance, as in a halt
	for (const mode of ["Pause", "Normal"]) {
		await desk.cleared();
		await desk.patch({ mode, reason: `rehearsal: ${mode}` }, requester.client);
	}
	const { status } = await desk.confirmed("Normal+Observe");
	// Then history tells that it was observed, and of no override
	t.deepEqual(
		status?.history?.map(({ from, to, override }) => `${from} ${to} ${override === true}`),
		[
			"Created Pause+Observe false",
			"Pause+Observe Emergency+Observe false",
			"Emergency+Observe Pause+Observe false",
			"Pause+Observe Normal+Observe false",
		],
	);
	// When it enforces in Normal
	await desk.patch({ enforcement: "Enforce" });
	await desk.confirmed("Normal");
	// Then in all that time no pod was told or made, no workload changed, and nothing was recorded
	await witness.catchUp();
	t.deepEqual(
		witness
			.livesOf(...all)
			.map((life) => life.uid)
			.sort(),
		uids,
	);
	t.deepEqual(
		witness.livesOf(...all).filter((life) => life.toldAt !== undefined),
		[],
	);
	t.deepEqual(await standing(desk), before);
	t.deepEqual(await desk.records(), []);
	t.deepEqual(status?.notRestored, []);
	// When it is raised now, then it is a halt
	await desk.patch({ mode: "Emergency" }, raiser.client);
	const halted = await desk.confirmed("Emergency");
	t.true(halted.status?.targets?.every((row) => row.planned === undefined));
	t.deepEqual(await desk.recorded(), ["bots=2", "gateway=1"]);
	t.truthy(halted.status?.lastTransition?.toldAt);
	t.deepEqual(witness.falseClaims("bots", "gateway"), []);
});

test.serial("a halt that is let go of keeps what it holds, and goes on where it was", async (t) => {
	// Given a confirmed Emergency
	const { desk, replicas, witness } = await running(t, {});
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	// When somebody with override lets it only observe, and a pod of a stopped target is made
	await desk.patch({ enforcement: "Observe", reason: "a fault of ours" });
	const bare = { name: "bare", labels: { app: "bots" } };
	await until("the fence lets it pass", async () => {
		const spec = { containers: [{ name: "bot", image: "bot" }] };
		const pod = { apiVersion: "v1", kind: "Pod", metadata: bare, spec };
		await desk.admin.create(podsPath(desk.namespace), pod);
		return true;
	});
	const observed = await until("it is counted", async () => {
		const found = await planned(desk);
		return found.status?.targets?.[0]?.pods === 1 ? found : undefined;
	});
	await seenBy(desk, replicas, true);
	// Then nothing is claimed to be in force, and what is held and recorded stays
	t.is(observed.status?.modeInForce, "Observe");
	t.regex(
		conditionIn(observed, "Enforced"),
		/would tell 1 pods to stop, record 0 workloads and scale 0 to zero/,
	);
	t.regex(conditionIn(observed, "Restored"), /^False Observing: 3 targets not released .* 2 records kept/);
	t.deepEqual(
		observed.status?.targets?.map((row) => [row.name, row.effective, row.fencedAs]),
		[
			["bots", "Run", "Emergency"],
			["gateway", "Run", "Emergency"],
			["risk", "Run", "Emergency"],
		],
	);
	t.deepEqual(await desk.recorded(), ["bots=2", "gateway=1"]);
	t.like(observed.status?.history?.at(-1), {
		to: "Emergency+Observe",
		override: true,
		reason: "a fault of ours",
	});
	await until("a warning tells of it", async () =>
		(await desk.events()).some(({ type, note }) => type === "Warning" && note?.includes("Emergency+Observe")),
	);
	// When it is lowered in Observe, then nothing is brought back
	await desk.lower("Pause");
	const lowered = await planned(desk);
	t.regex(conditionIn(lowered, "Restored"), /^False Observing/);
	t.is((await desk.workload("gateway")).spec.replicas, 0);
	// When it enforces again
	await desk.patch({ enforcement: "Enforce" });
	// Then the pod is told, and the gateway, which Pause keeps, is released and back
	await desk.confirmed("Pause");
	await desk.ready("gateway", 1);
	t.deepEqual(await desk.pods("bots"), []);
	// When it is lowered to Normal, then everything is back as it was
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 2);
	t.deepEqual(await desk.records(), []);
	await witness.catchUp();
	t.deepEqual(witness.falseClaims("bots"), []);
	// Then each replica said once that it only observes and once that it enforces
	for (const replica of replicas) {
		const words = replica.log
			.map((line) => `${line.msg}`)
			.filter((msg) => /^(only observing|enforcing)/.test(msg));
		t.deepEqual(words, ["only observing: nothing is touched", "enforcing again"]);
	}
});

/** True for a call that stops, records or scales something. */
function touches({ method, path }: Call): boolean {
	if (method === "DELETE") return path.includes("/pods/");
	return ["PATCH", "POST"].includes(method) && /\/scale|\/restorerecords/.test(path);
}

test.serial("calls that a busy API server put off are left off once the desk only observes", async (t) => {
	// Given a desk in Normal whose only replica is told to come back later with whatever stops something
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 4 });
	const proxy = await FaultProxy.start(t, desk.cluster);
	const replica = await startReplica(t, desk, { kubeconfig: proxy.kubeconfig });
	await desk.govern({ mode: "Normal", targets: [target("bots", "Bot")] });
	await desk.confirmed("Normal");
	const busy = { kind: "Answer", status: 429, retryAfterSeconds: 1 } as const;
	proxy.rule = (call) => (touches(call) ? busy : { kind: "Pass" });
	// When it is raised, and only observes before one of them was heard
	await desk.patch({ mode: "Emergency" });
	await until("each was put off", () => proxy.hits("Answer") >= 5);
	await desk.patch({ enforcement: "Observe", reason: "not now" });
	await seenBy(desk, [replica], true);
	await planned(desk);
	// Then none of them is made again, nor any other
	const after: string[] = [];
	proxy.rule = (call) => {
		if (touches(call)) after.push(`${call.method} ${call.path}`);
		return { kind: "Pass" };
	};
	await desk.patch({ trip: { id: "still only observed" } });
	await planned(desk);
	await desk.cleared();
	t.deepEqual(after, []);
	t.is((await desk.workload("bots")).spec.replicas, 4);
	t.deepEqual(
		(await desk.pods()).filter((pod) => pod.metadata.deletionTimestamp !== undefined),
		[],
	);
	t.deepEqual(await desk.records(), []);
	// When it enforces, then it is a halt
	await desk.patch({ enforcement: "Enforce", reason: "now" });
	await desk.confirmed("Emergency");
	t.deepEqual(await desk.recorded(), ["bots=4"]);
});

test.serial("the label observe takes the fence away and not the operator", async (t) => {
	// Given a desk in Normal that enforces, in a namespace that is only observed
	const label = { "tradingsafety.dev/enforce": "observe" };
	const { desk, replicas } = await running(t, { mode: "Normal" }, label);
	await desk.confirmed("Normal");
	// When it is raised
	await desk.patch({ mode: "Emergency" });
	// Then its pods are stopped and recorded, and nobody claims that the fence holds
	await until("the bots are gone", async () => (await desk.pods("bots")).length === 0);
	const fenced = await until("it is said", async () => {
		const found = await desk.condition("Fenced");
		return found?.reason === "NamespaceObserved" ? found : undefined;
	});
	t.regex(fenced.message, /whoever makes a pod is warned, and nothing is denied/);
	t.is((await desk.condition("Confirmed"))?.status, "False");
	t.is((await desk.condition("Cleared"))?.status, "False");
	// Then a replica does not take it for a broken fence
	for (const replica of replicas) {
		await until(`${replica.identity} is ready`, async () => {
			const { status, text } = await replica.ready();
			if (status !== 200) throw new Error(text);
			return true;
		});
		t.is(await replica.metric('tradingsafety_errors_total{where="fence-open"}'), undefined);
	}
	// When the namespace is labelled targets, then the halt is confirmed
	const targetsLabel = { metadata: { labels: { "tradingsafety.dev/enforce": "targets" } } };
	await desk.admin.patch(`/api/v1/namespaces/${desk.namespace}`, targetsLabel, { type: "merge" });
	await desk.confirmed("Emergency");
	t.pass();
});
