import test from "ava";
import { installApi } from "../../dev/install.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { type Replica, startReplica } from "../operator/replica.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import { Rival } from "./rival.ts";
import { places, podTemplate, Things } from "./things.ts";

const { Deployment, HorizontalPodAutoscaler } = places;
const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "bots" };

/** A metric that nobody serves: minReplicas 0 needs one. */
const queue = {
	type: "External",
	external: { metric: { name: "queue" }, target: { type: "AverageValue", averageValue: "5" } },
};

const contested = async (desk: TestDesk) => {
	const condition = await desk.condition("Contested");
	return `${condition?.status} ${condition?.message}`;
};
/** Waits until the condition says so; a failure tells what it says instead. */
async function tells(desk: TestDesk, expected: RegExp): Promise<void> {
	let said = "";
	const options = { timeoutMilliseconds: 60_000 };
	try {
		await until(
			"the condition says it",
			async () => {
				said = await contested(desk);
				return expected.test(said);
			},
			options,
		);
	} catch (cause) {
		throw new Error(`Contested does not say ${expected} but: ${said}`, { cause });
	}
}
const complaints = (replica: Replica, manager: string) =>
	replica.log.filter(
		(line) => line.msg === "a stopped workload was let grow again" && line.manager === manager,
	);
const counted = async (replica: Replica, kind: string) => {
	const text = await (await fetch(`http://127.0.0.1:${await replica.port()}/metrics`)).text();
	const line = new RegExp(`^tradingsafety_reverted_total\\{.*kind="${kind}".*\\} (\\d+)$`, "m").exec(text);
	return Number(line?.[1] ?? 0);
};
const replicas = async (things: Things) => (await things.get(Deployment, "bots")).spec.replicas;

test.serial("scaling up again and again is counted, and gets nothing", async (t) => {
	// Given a Deployment whose selector does not have the label of its target, so that /scale is not judged
	const desk = await TestDesk.create(t);
	const things = new Things(desk);
	await things.make(Deployment, "bots", {
		replicas: 2,
		selector: { matchLabels: { of: "bots" } },
		template: { ...podTemplate("bots"), metadata: { labels: { app: "bots", of: "bots" } } },
	});
	await until("it runs", async () => (await things.live("bots")).length === 2);
	const [first, second] = [await startReplica(t, desk), await startReplica(t, desk)];
	await desk.govern({ mode: "Emergency", targets: [target("bots", "Strategy")] });
	await desk.confirmed("Emergency");
	t.regex(await contested(desk), /^False/);
	// When somebody scales it every 200 ms
	const path = things.path(Deployment, "bots", "scale");
	const scale = () => desk.admin.patch(path, { spec: { replicas: 3 } }, { type: "merge" });
	const rival = Rival.start(t, scale);
	await until("it has tried often", () => rival.done + rival.refused >= 8);
	t.is(rival.refused, 0);
	// Then that is a condition that counts, in both replicas, and accuses nobody: /scale leaves no name
	await tells(desk, /^True .*Deployment bots by unknown, (8|16|32|64) times/);
	for (const replica of [first, second]) {
		t.true((await counted(replica, "Deployment")) >= 2);
		t.is(complaints(replica, "unknown").length, 1);
	}
	// Then no pod was ever made
	t.is((await things.live("bots")).length, 0);
	// When it stops, then all is at zero and confirmed, and the record has what ran before
	await rival.stop();
	await until("it is at zero", async () => (await replicas(things)) === 0);
	await desk.confirmed("Emergency");
	t.deepEqual(await desk.recorded(), ["bots=2"]);
	t.regex(await contested(desk), /^True/);
	// When the desk is lowered to Normal, then it comes back, and the contest is over
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	t.is(await replicas(things), 2);
	await tells(desk, /^False/);
});

test.serial(
	"GitOps that applies whole manifests is refused, and what it gets through is undone",
	async (t) => {
		// Given a halted desk with a Deployment and an autoscaler
		const desk = await TestDesk.create(t);
		const things = new Things(desk);
		const manifest = {
			apiVersion: "apps/v1",
			kind: "Deployment",
			metadata: { name: "bots" },
			spec: { replicas: 2, selector: { matchLabels: { app: "bots" } }, template: podTemplate("bots") },
		};
		const behavior = { scaleUp: { selectPolicy: "Max" } };
		const autoscaler = {
			apiVersion: "autoscaling/v2",
			kind: "HorizontalPodAutoscaler",
			metadata: { name: "bots" },
			spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 5, behavior },
		};
		const argo = { type: "apply", fieldManager: "argocd-controller", force: true } as const;
		const applyDeployment = () => desk.admin.patch(things.path(Deployment, "bots"), manifest, argo);
		const applyAutoscaler = () =>
			desk.admin.patch(things.path(HorizontalPodAutoscaler, "bots"), autoscaler, argo);
		await applyDeployment();
		await applyAutoscaler();
		await until("it runs", async () => (await things.live("bots")).length === 2);
		const replica = await startReplica(t, desk);
		await desk.govern({ mode: "Emergency", targets: [target("bots", "Strategy")] });
		await desk.confirmed("Emergency");
		// When both manifests are applied again and again
		const workloads = Rival.start(t, applyDeployment);
		const autoscalers = Rival.start(t, applyAutoscaler);
		// Then the API server refuses the first, and the second is named
		await until("both were tried often", () => workloads.refused >= 8 && autoscalers.done >= 8);
		await tells(desk, /^True .*HorizontalPodAutoscaler bots by argocd-controller/);
		t.is(workloads.done, 0);
		t.notRegex(await contested(desk), /Deployment/);
		t.is(complaints(replica, "argocd-controller").length, 1);
		t.is(await replicas(things), 0);
		t.is((await things.live("bots")).length, 0);
		// When they stop, then the autoscaler is off, and the halt is confirmed
		await Promise.all([workloads.stop(), autoscalers.stop()]);
		await until("the autoscaler is off", async () => {
			const { spec } = await things.get(HorizontalPodAutoscaler, "bots");
			const { scaleUp } = spec.behavior as { readonly scaleUp?: { readonly selectPolicy?: string } };
			return scaleUp?.selectPolicy === "Disabled";
		});
		await desk.confirmed("Emergency");
	},
);

test.serial("where nothing is fenced, pods that GitOps brings back are stopped each time", async (t) => {
	// Given a namespace without the enforce label, a Deployment, and a desk that is halted
	const desk = await TestDesk.create(t, { labels: {} });
	const things = new Things(desk);
	const manifest = {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "bots" },
		spec: { replicas: 2, selector: { matchLabels: { app: "bots" } }, template: podTemplate("bots") },
	};
	const argo = { type: "apply", fieldManager: "argocd-controller", force: true } as const;
	const apply = () => desk.admin.patch(things.path(Deployment, "bots"), manifest, argo);
	await apply();
	await until("it runs", async () => (await things.live("bots")).length === 2);
	const before = (await things.live("bots")).map((pod) => pod.metadata.uid);
	await startReplica(t, desk);
	await desk.govern({ mode: "Emergency", targets: [target("bots", "Strategy")] });
	await until("it is at zero", async () => (await replicas(things)) === 0);
	// When the manifest is applied again and again
	const rival = Rival.start(t, apply);
	await tells(desk, /^True .*Deployment bots by argocd-controller, (4|8|16|32) times/);
	t.is(rival.refused, 0);
	// Then the desk never says that nothing is left
	t.is((await desk.condition("Confirmed"))?.status, "False");
	t.regex((await desk.condition("Fenced"))?.message ?? "", /label namespace/);
	// When it stops, then the pods that it brought are gone like those before
	await rival.stop();
	await until(
		"nothing is left",
		async () => (await replicas(things)) === 0 && (await things.live("bots")).length === 0,
	);
	t.is(before.length, 2);
	t.deepEqual(await desk.recorded(), ["bots=2"]);
});

test.serial("an autoscaler that may go to zero by itself is switched off too", async (t) => {
	// Given a cluster where autoscalers may have minReplicas 0, and one that has
	const gate = "--feature-gates=HPAScaleToZero=true";
	const cluster = await ownCluster({
		extraFlags: { "kube-apiserver": [gate], "kube-controller-manager": [gate] },
	});
	await installApi(cluster);
	const desk = await TestDesk.create(t, { cluster });
	const things = new Things(desk);
	await desk.run({ name: "bots", replicas: 2 });
	await things.make(HorizontalPodAutoscaler, "bots", {
		scaleTargetRef,
		minReplicas: 0,
		maxReplicas: 5,
		metrics: [queue],
	});
	await startReplica(t, desk);
	// When the desk is halted
	await desk.govern({ mode: "Emergency", targets: [target("bots", "Strategy")] });
	await desk.confirmed("Emergency");
	// Then it may not scale up
	const policy = async () => {
		const { spec } = await things.get(HorizontalPodAutoscaler, "bots");
		return (spec.behavior as { scaleUp?: { selectPolicy?: string } } | undefined)?.scaleUp?.selectPolicy;
	};
	t.is(await policy(), "Disabled");
	t.is(await replicas(things), 0);
	// When it is lowered to Normal, then it may again, and the Deployment is back
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	t.is(await policy(), "Max");
	await desk.ready("bots", 2);
});
