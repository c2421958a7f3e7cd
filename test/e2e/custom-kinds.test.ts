import test, { type ExecutionContext } from "ava";
import { podsPath } from "../../operator/resources.ts";
import { TestDesk, target } from "../operator/desk.ts";
import { type Replica, startReplica } from "../operator/replica.ts";
import { until } from "../support/until.ts";
import {
	allowKind,
	installKind,
	newGroup,
	type Place,
	places,
	podTemplate,
	removeKind,
	rolloutScale,
	Things,
} from "./things.ts";

const rollout: Place = { kind: "Rollout", group: "argoproj.io", version: "v1alpha1", resource: "rollouts" };
const scaledObject: Place = {
	kind: "ScaledObject",
	group: "keda.sh",
	version: "v1alpha1",
	resource: "scaledobjects",
};
const scaledJob: Place = { kind: "ScaledJob", group: "keda.sh", version: "v1alpha1", resource: "scaledjobs" };
const gizmoScale = {
	specReplicasPath: ".spec.size",
	statusReplicasPath: ".status.size",
	labelSelectorPath: ".status.selector",
};
const newGizmo = (): Place => ({ kind: "Gizmo", group: newGroup(), version: "v1", resource: "gizmos" });

/** A desk in Normal, with one replica that governs it. */
async function open(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	const replica = await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Strategy")] });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return { desk, replica, things: new Things(desk) };
}

/** Two pods of an object, as its controller would make them. */
async function makePods(desk: TestDesk, place: Place, owner: { name: string; uid: string }): Promise<void> {
	const apiVersion = `${place.group}/${place.version}`;
	const { metadata, spec } = podTemplate("bots");
	for (const suffix of ["1", "2"]) {
		await desk.admin.create(podsPath(desk.namespace), {
			apiVersion: "v1",
			kind: "Pod",
			metadata: {
				...metadata,
				name: `${owner.name}-${suffix}`,
				ownerReferences: [
					{ apiVersion, kind: place.kind, name: owner.name, uid: owner.uid, controller: true },
				],
			},
			spec,
		});
	}
}

const watched = async (desk: TestDesk) => {
	const condition = await desk.condition("KindsWatched");
	return `${condition?.status} ${condition?.reason} ${condition?.message}`;
};
const seesKind = (replica: Replica, place: Place) =>
	until(`the operator has heard of ${place.kind}`, () =>
		replica.log.some((line) => line.msg === "a kind of workload" && line.group === place.group),
	);

test.serial("Argo Rollouts and KEDA's objects are stopped and come back", async (t) => {
	// Given a desk, and then their definitions, and an object of each with what it runs
	const { desk, replica, things } = await open(t);
	await installKind(t, desk, rollout, rolloutScale);
	await installKind(t, desk, scaledObject);
	await installKind(t, desk, scaledJob);
	for (const place of [rollout, scaledObject, scaledJob]) await seesKind(replica, place);
	const template = podTemplate("bots");
	const { metadata } = await things.make(rollout, "canary", { replicas: 2, template });
	await makePods(desk, rollout, metadata);
	const held = { annotations: { "autoscaling.keda.sh/paused-replicas": "1" } };
	await things.make(places.Deployment, "scaled", {
		replicas: 1,
		selector: { matchLabels: { app: "bots", of: "scaled" } },
		template: { ...template, metadata: { labels: { app: "bots", of: "scaled" } } },
	});
	await things.make(scaledObject, "plain", { scaleTargetRef: { name: "scaled" }, triggers: [] });
	await things.make(scaledObject, "held", { scaleTargetRef: { name: "scaled" }, triggers: [] }, held);
	await things.make(scaledJob, "batch", { jobTargetRef: { template: podTemplate("bots", "Never") } });
	const annotations = async () => ({
		plain: (await things.get(scaledObject, "plain")).metadata.annotations,
		held: (await things.get(scaledObject, "held")).metadata.annotations,
		batch: (await things.get(scaledJob, "batch")).metadata.annotations,
	});
	// When the desk is halted
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	// Then all are stopped
	t.is((await things.live("bots")).length, 0);
	t.is((await things.get(rollout, "canary")).spec.replicas, 0);
	t.is((await things.get(places.Deployment, "scaled")).spec.replicas, 0);
	t.deepEqual(await annotations(), {
		plain: { "autoscaling.keda.sh/paused-replicas": "0" },
		held: { "autoscaling.keda.sh/paused-replicas": "0" },
		batch: { "autoscaling.keda.sh/paused": "true" },
	});
	t.deepEqual(await desk.recorded(), ["batch=1", "canary=2", "held=1", "plain=1", "scaled=1"]);
	t.regex(await watched(desk), /^True Watched/);
	// When it is lowered, and the controller of the Rollout says that it is Ready
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await until("the Rollout is scaled", async () => (await things.get(rollout, "canary")).spec.replicas === 2);
	t.is((await desk.condition("Confirmed"))?.status, "False");
	await things.patch(rollout, "canary", { status: { readyReplicas: 2 } }, "status");
	await desk.confirmed("Normal");
	// Then each has what it had
	t.deepEqual(await annotations(), { plain: undefined, held: held.annotations, batch: undefined });
	t.is((await things.get(places.Deployment, "scaled")).spec.replicas, 1);
	t.deepEqual(await desk.recorded(), []);
});

test.serial(
	"a kind that the operator may not list is named, holds nothing up, and is stopped once it may",
	async (t) => {
		// Given a kind that nobody allowed the operator to see, with an object that runs two pods
		const { desk, things } = await open(t);
		const gizmo = newGizmo();
		await installKind(t, desk, gizmo, gizmoScale);
		const { metadata } = await things.make(gizmo, "maker", { size: 2 });
		await things.patch(gizmo, "maker", { status: { size: 2, selector: "app=bots" } }, "status");
		await makePods(desk, gizmo, metadata);
		await until("that is a condition", async () => /^False Forbidden/.test(await watched(desk)));
		t.true((await watched(desk)).includes(`${gizmo.resource}.${gizmo.group}`));
		// When the desk is halted by a replica that starts only now, too
		const late = await startReplica(t, desk);
		await desk.patch({ mode: "Emergency" });
		await desk.confirmed("Emergency");
		// Then its pods are gone all the same, and it is not scaled
		t.is((await things.live("bots")).length, 0);
		t.is((await things.get(gizmo, "maker")).spec.size, 2);
		await until("the late one is ready", async () => (await late.ready()).status === 200);
		// When it is allowed, as the condition says
		await allowKind(t, desk, gizmo);
		// Then it is recorded and scaled
		await until("it is stopped", async () => (await things.get(gizmo, "maker")).spec.size === 0, {
			timeoutMilliseconds: 60_000,
		});
		t.deepEqual(await desk.recorded(), ["maker=2"]);
		await until("nothing is wrong any more", async () => !(await watched(desk)).includes(gizmo.group));
		// When the desk is lowered, then it gets back what it had
		await desk.lower("Pause");
		await desk.confirmed("Pause");
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		t.is((await things.get(gizmo, "maker")).spec.size, 2);
	},
);

test.serial("a kind whose definition vanishes in a halt is a condition, and no crash", async (t) => {
	// Given a halted desk with an object of a custom kind
	const { desk, replica, things } = await open(t);
	const gizmo = newGizmo();
	const name = await installKind(t, desk, gizmo, gizmoScale);
	await allowKind(t, desk, gizmo);
	await seesKind(replica, gizmo);
	await things.make(gizmo, "maker", { size: 2, template: podTemplate("bots") });
	await desk.run({ name: "others", replicas: 1, labels: { app: "bots", of: "others" } });
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	t.deepEqual(await desk.recorded(), ["maker=2", "others=1"]);
	// When the definition is deleted, and its objects with it
	await removeKind(desk, name);
	// Then that is said, and the halt stands
	await until(
		"it is a condition",
		async () =>
			(await watched(desk)).startsWith(`False Gone`) &&
			(await watched(desk)).includes(`Gizmo.${gizmo.group}`),
	);
	t.true(replica.running);
	await desk.confirmed("Emergency");
	// When it is lowered, then the others come back, and nothing is left of it
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	t.is((await desk.workload("others")).spec.replicas, 1);
	t.deepEqual(await desk.recorded(), []);
	await until("the condition is over", async () => (await watched(desk)).startsWith("True"));
});
