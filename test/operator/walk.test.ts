import test from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target, type WorkloadSpec } from "./desk.ts";
import { startReplica } from "./replica.ts";

const targets = [
	target("risk", "Risk"),
	target("gateway", "Gateway"),
	target("bots", "Bot"),
	target("ordered", "Bot"),
];
const workloads: readonly WorkloadSpec[] = [
	{ name: "risk", replicas: 2 },
	{ name: "gateway", replicas: 1 },
	{ name: "bots", replicas: 3 },
	{ name: "ordered", kind: "StatefulSet", replicas: 3 },
];

test("a desk goes through every mode and comes back exactly as it was", async (t) => {
	// Given a desk of four workloads, two replicas, and Normal in force
	const desk = await TestDesk.create(t);
	await desk.run(...workloads);
	const riskBefore = (await desk.pods("risk")).map((pod) => pod.metadata.uid).sort();
	await startReplica(t, desk);
	await startReplica(t, desk);
	await desk.govern({ targets });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	const normal = await desk.confirmed("Normal");
	t.true(normal.status?.wasNormal);
	t.is(normal.status?.clearance, undefined);
	t.deepEqual(await desk.records(), []);

	// When somebody raises it to Emergency with one patch
	await desk.patch({ mode: "Emergency", reason: "daily loss", trip: { id: "t1", type: "DailyLoss" } });

	// Then everything but risk is gone, recorded and at zero
	const halted = await desk.confirmed("Emergency");
	t.deepEqual((await desk.pods()).map((pod) => pod.metadata.labels?.app).sort(), ["risk", "risk"]);
	const recorded = (await desk.records()).map(({ spec }) => `${spec.workload.name}=${spec.replicas}`).sort();
	t.deepEqual(recorded, ["bots=3", "gateway=1", "ordered=3"]);
	for (const { name, kind } of workloads.slice(1)) t.is((await desk.workload(name, kind)).spec.replicas, 0);

	// Then status tells what happened
	const { status } = halted;
	t.like(status?.trips, {
		total: 1,
		byType: { DailyLoss: 1 },
		last: { id: "t1", mode: "Emergency", reason: "daily loss" },
	});
	t.like(status?.history?.at(-1), { from: "Normal", to: "Emergency", reason: "daily loss" });
	t.is(status?.history?.at(-1)?.override, undefined);
	const transition = status?.lastTransition;
	for (const stage of ["observedAt", "fencedAt", "toldAt", "enforcedAt", "confirmedAt"] as const) {
		t.regex(transition?.[stage] ?? "", /^\d{4}-/, stage);
	}
	t.is(transition?.restoredAt, undefined);
	t.like(
		status?.targets?.find(({ name }) => name === "bots"),
		{ effective: "Stop", fencedAs: "Emergency", pods: 0 },
	);

	// When it is lowered to Pause
	await desk.lower("Pause");

	// Then the gateway is back, the bots are not
	await desk.confirmed("Pause");
	t.is((await desk.workload("gateway")).spec.replicas, 1);
	t.is((await desk.workload("bots")).spec.replicas, 0);

	// When it is lowered to Normal
	await desk.lower("Normal");

	// Then everything is what it was, and risk was never touched
	const back = await desk.confirmed("Normal");
	for (const { name, kind, replicas } of workloads) {
		const workload = await desk.workload(name, kind);
		t.is(workload.spec.replicas, replicas, name);
		t.is(workload.status?.readyReplicas, replicas, name);
	}
	t.deepEqual(await desk.records(), []);
	t.deepEqual((await desk.pods("risk")).map((pod) => pod.metadata.uid).sort(), riskBefore);
	t.regex(back.status?.lastTransition?.restoredAt ?? "", /^\d{4}-/);
	t.deepEqual(
		back.status?.history?.map(({ from, to }) => `${from}>${to}`),
		["Created>Pause", "Pause>Normal", "Normal>Emergency", "Emergency>Pause", "Pause>Normal"],
	);
	t.true(back.status?.targets?.every((state) => state.fencedAs === undefined));
});

test("a clean stop hands the lease over at once and leaves nothing", async (t) => {
	// Given two replicas, one of which leads
	const desk = await TestDesk.create(t);
	const replicas = [await startReplica(t, desk), await startReplica(t, desk)];
	await desk.govern({ targets: [] });
	const leader = await until("one leads", () => replicas.find((replica) => replica.leads));
	const other = replicas.find((replica) => replica !== leader);

	// When the leader is told to end
	const code = await leader.end("SIGTERM");

	// Then it ends well and the other leads
	t.is(code, 0);
	await until("the other leads", () => other?.leads);
});

test("a replica is ready when the watch agrees and the fence denies", async (t) => {
	// Given a governed desk
	const desk = await TestDesk.create(t);
	const replica = await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot")] });

	// When the fence was seen to deny, then it is ready, and says so by metrics too
	await until("ready", async () => (await replica.ready()).status === 200);
	const metrics = await fetch(`http://127.0.0.1:${await replica.port()}/metrics`).then((r) => r.text());
	t.regex(
		metrics,
		/tradingsafety_fence_proof_age_seconds\{namespace="[^"]+"\} 0|tradingsafety_fence_proof_age_seconds\{namespace="[^"]+"\} \d/,
	);
	t.regex(metrics, new RegExp(`tradingsafety_mode\\{namespace="${desk.namespace}"\\} 1`));
	t.regex(metrics, /tradingsafety_api_call_seconds_count\{/);
});
