import test, { type ExecutionContext } from "ava";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { until } from "../support/until.ts";
import { places, podTemplate, Things } from "./things.ts";

const { CronJob, DaemonSet, Deployment, HorizontalPodAutoscaler, Job, ReplicaSet } = places;
const schedule = "0 0 1 1 *";

/** A desk in Normal, one replica, and nothing in it yet. */
async function open(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	await desk.run({ name: "warm", replicas: 1 });
	await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Strategy")] });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return { desk, things: new Things(desk) };
}

async function lowerToNormal(desk: TestDesk) {
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	return desk.confirmed("Normal");
}

const suspended = async (things: Things, place: typeof Job | typeof CronJob, name: string) =>
	(await things.get(place, name)).spec.suspend ?? false;
const selectorOf = async (things: Things) =>
	((await things.get(DaemonSet, "daemon")).spec.template as ReturnType<typeof podTemplate>).spec as {
		readonly nodeSelector?: object;
	};

test.serial("bare ReplicaSets and DaemonSets are stopped and come back", async (t) => {
	// Given a ReplicaSet without an owner and a DaemonSet, with their pods
	const { desk, things } = await open(t);
	const template = podTemplate("bots");
	const selector = { matchLabels: { app: "bots" } };
	const own = { ...template, metadata: { labels: { app: "bots", of: "bare" } } };
	await things.make(ReplicaSet, "bare", {
		replicas: 3,
		selector: { matchLabels: { app: "bots", of: "bare" } },
		template: own,
	});
	const daemons = { ...template, metadata: { labels: { app: "bots", of: "daemon" } } };
	await things.make(DaemonSet, "daemon", {
		selector: { matchLabels: { ...selector.matchLabels, of: "daemon" } },
		template: daemons,
		updateStrategy: { type: "OnDelete" },
	});
	const ready = async () => {
		const [bare, daemon] = [await things.get(ReplicaSet, "bare"), await things.get(DaemonSet, "daemon")];
		const nodes = daemon.status?.desiredNumberScheduled as number;
		return bare.status?.readyReplicas === 3 && nodes > 0 && daemon.status?.numberReady === nodes
			? nodes + 3
			: undefined;
	};
	const pods = await until("all are Ready", ready);
	t.is((await things.live("bots")).length, pods);
	// When the desk is halted
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	// Then no pod is left, and neither makes another
	t.is((await things.live("bots")).length, 0);
	t.is((await things.get(ReplicaSet, "bare")).spec.replicas, 0);
	t.deepEqual((await selectorOf(things)).nodeSelector, { "tradingsafety.dev/stopped": "true" });
	t.deepEqual(await desk.recorded(), ["bare=3", "daemon=1"]);
	// When it is lowered to Normal, then all of them are back as they were
	const { status } = await lowerToNormal(desk);
	await until("all are Ready again", ready);
	t.is((await things.get(ReplicaSet, "bare")).spec.replicas, 3);
	t.is((await selectorOf(things)).nodeSelector, undefined);
	t.deepEqual(status?.notRestored, []);
	t.deepEqual(await desk.recorded(), []);
});

test.serial("Jobs and CronJobs are suspended; those that would start by themselves are listed", async (t) => {
	// Given a running Job, one of a CronJob, one that is over, one that somebody suspended, and three CronJobs
	const { desk, things } = await open(t);
	const template = podTemplate("bots", "Never");
	const jobTemplate = { spec: { template } };
	const { metadata } = await things.make(CronJob, "risky", { schedule, jobTemplate });
	await things.make(CronJob, "safe", { schedule, jobTemplate, startingDeadlineSeconds: 60 });
	await things.make(CronJob, "still", { schedule, jobTemplate, suspend: true, startingDeadlineSeconds: 60 });
	await things.make(Job, "running", { template });
	const owner = {
		apiVersion: "batch/v1",
		kind: "CronJob",
		name: "risky",
		uid: metadata.uid,
		controller: true,
	};
	await things.make(Job, "risky-1", { template }, { ownerReferences: [owner] });
	await things.make(Job, "asleep", { template, suspend: true });
	await things.make(Job, "over", {
		template: { ...template, metadata: { labels: { app: "bots" } } },
	});
	const ended = async () =>
		(await desk.pods("bots"))
			.filter((pod) => pod.metadata.name.startsWith("over-"))
			.map((pod) => pod.metadata.uid);
	await until("two run, and one is over", async () => {
		const statuses = [await things.get(Job, "running"), await things.get(Job, "risky-1")].map(
			(job) => job.status,
		);
		if (statuses.every((status) => status?.ready === 1) && (await ended()).length === 1) return true;
		throw new Error(JSON.stringify([statuses, await desk.pods("bots")]));
	});
	await until("that is known", async () => (await things.live("bots")).length === 2);
	const over = await ended();
	// When the desk is halted
	await desk.patch({ mode: "Emergency" });
	const { status } = await desk.confirmed("Emergency");
	// Then none runs, each is suspended, and what is over was left alone
	t.is((await things.live("bots")).length, 0);
	t.deepEqual(await ended(), over);
	for (const name of ["running", "risky-1", "asleep"]) t.true(await suspended(things, Job, name), name);
	for (const name of ["risky", "safe", "still"]) t.true(await suspended(things, CronJob, name), name);
	// Then what only a person may start is listed with the reason
	const listed = (rows = status?.notRestored) => rows?.map(({ kind, name }) => `${kind}/${name}`).sort();
	const expected = ["CronJob/risky", "Job/risky-1", "Job/running"];
	t.deepEqual(listed(), expected);
	t.regex(status?.notRestored?.find(({ name }) => name === "risky")?.reason ?? "", /startingDeadlineSeconds/);
	// When the desk is lowered to Normal, then that stays so, and only the safe CronJob is back
	const normal = await lowerToNormal(desk);
	t.deepEqual(listed(normal.status?.notRestored), expected);
	t.deepEqual(await desk.recorded(), []);
	t.false(await suspended(things, CronJob, "safe"));
	for (const name of ["risky", "still"]) t.true(await suspended(things, CronJob, name), name);
	for (const name of ["running", "risky-1", "asleep"]) t.true(await suspended(things, Job, name), name);
	// When a person starts one, then it runs and is listed no more
	await things.patch(Job, "running", { spec: { suspend: false } });
	await until("it runs", async () => (await things.get(Job, "running")).status?.ready === 1);
	await until(
		"it is not listed",
		async () => !listed((await desk.get()).status?.notRestored)?.includes("Job/running"),
	);
});

test.serial("an autoscaler is told not to scale up in a halt, and gets back what it had", async (t) => {
	// Given two Deployments with autoscalers, one with a policy of its own
	const { desk, things } = await open(t);
	for (const name of ["a", "b"]) {
		await things.make(Deployment, name, {
			replicas: 2,
			selector: { matchLabels: { app: "bots", of: name } },
			template: { ...podTemplate("bots"), metadata: { labels: { app: "bots", of: name } } },
		});
	}
	const scaleTargetRef = (name: string) => ({ apiVersion: "apps/v1", kind: "Deployment", name });
	const bounds = { minReplicas: 1, maxReplicas: 5 };
	await things.make(HorizontalPodAutoscaler, "a", { ...bounds, scaleTargetRef: scaleTargetRef("a") });
	await things.make(HorizontalPodAutoscaler, "b", {
		...bounds,
		scaleTargetRef: scaleTargetRef("b"),
		behavior: { scaleUp: { selectPolicy: "Min", policies: [{ type: "Pods", value: 2, periodSeconds: 60 }] } },
	});
	const policy = async (name: string) => {
		const { spec } = await things.get(HorizontalPodAutoscaler, name);
		return (spec.behavior as { scaleUp?: { selectPolicy?: string; policies?: object } } | undefined)?.scaleUp;
	};
	t.is(await policy("a"), undefined);
	const replicas = async (name: string) => (await things.get(Deployment, name)).spec.replicas;
	// When the desk is halted, then they are stopped and may not scale up
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	for (const name of ["a", "b"]) {
		t.is((await policy(name))?.selectPolicy, "Disabled", name);
		t.is(await replicas(name), 0, name);
	}
	// When it is lowered to Normal, then each may scale as before, and both run
	await lowerToNormal(desk);
	t.is((await policy("a"))?.selectPolicy, "Max");
	t.is((await policy("b"))?.selectPolicy, "Min");
	t.deepEqual((await policy("b"))?.policies, [{ type: "Pods", value: 2, periodSeconds: 60 }]);
	for (const name of ["a", "b"]) t.is(await replicas(name), 2, name);
	t.deepEqual(await desk.recorded(), []);
});
