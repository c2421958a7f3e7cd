import test, { type ExecutionContext } from "ava";
import { TestDesk, target } from "../operator/desk.ts";
import { FaultProxy, pass } from "../operator/proxy.ts";
import { startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { until } from "../support/until.ts";

/** A desk in Normal with a leader that sees changes of this resource no more, and another replica that does. */
async function blindLeader(t: ExecutionContext, resource: string): Promise<TestDesk> {
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 2 });
	const proxy = await FaultProxy.start(t, desk.cluster);
	const leader = await startReplica(t, desk, { kubeconfig: proxy.kubeconfig });
	await until("the first leads", () => leader.leads);
	await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot")] });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	proxy.freezeWatches(resource);
	return desk;
}

test.serial(
	"a scale to zero that arrives after the halt and its restore does not undo the restore",
	async (t) => {
		// Given a desk in Normal, and a second replica whose scalings are held up on their way
		const desk = await TestDesk.create(t);
		await desk.run({ name: "bots", replicas: 3 });
		const first = await startReplica(t, desk);
		await until("the first leads", () => first.leads);
		const proxy = await FaultProxy.start(t, desk.cluster);
		const second = await startReplica(t, desk, { kubeconfig: proxy.kubeconfig });
		await second.port();
		await desk.govern({ targets: [target("bots", "Bot")] });
		await desk.confirmed("Pause");
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		const { promise: later, resolve: letGo } = Promise.withResolvers<void>();
		let held = 0;
		proxy.rule = ({ method, path }) => {
			if (method !== "PATCH" || !path.includes("/scale")) return { kind: "Pass" };
			held += 1;
			return { kind: "Late", until: later };
		};
		// When the desk is raised, and that replica sleeps with a scaling under way until all is back
		first.signal("SIGSTOP");
		await desk.patch({ mode: "Pause" });
		await until("a scaling is held up", () => held > 0);
		second.signal("SIGSTOP");
		first.signal("SIGCONT");
		await desk.confirmed("Pause");
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		await desk.ready("bots", 3);
		// When it arrives after all
		letGo();
		await until("it has arrived", () => proxy.lateAnswers.length === held);
		proxy.rule = pass;
		second.signal("SIGCONT");
		await until("it is current", async () => (await second.ready()).status === 200);
		// Then it was refused, and everything runs
		t.true(proxy.lateAnswers.every((status) => status === 409));
		await desk.ready("bots", 3);
		t.deepEqual(await desk.records(), []);
	},
);

test.serial(
	"a replica that no longer sees pods come does not take an earlier halt for this one",
	async (t) => {
		// Given a halted desk whose pods take long to end, and whose only replica sees no pods any more
		const desk = await TestDesk.create(t);
		const proxy = await FaultProxy.start(t, desk.cluster);
		await startReplica(t, desk, { kubeconfig: proxy.kubeconfig });
		await desk.run({ name: "bots", replicas: 2, finalizers: ["tradingsafety.dev/test"] });
		await desk.govern({ targets: [target("bots", "Bot")] });
		await until("they are told", async () => {
			return (await desk.pods("bots")).every((pod) => pod.metadata.deletionTimestamp !== undefined);
		});
		await desk.dropFinalizers();
		await desk.confirmed("Pause");
		const witness = await Witness.start(t, desk);
		proxy.freezeWatches("pods");
		// When they come back, and the desk is raised again
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		await desk.ready("bots", 2);
		await desk.patch({ mode: "Emergency" });
		await until("the owner is at zero", async () => (await desk.workload("bots")).spec.replicas === 0);
		// Then nothing is confirmed while they are there
		await until("they are told", async () => {
			return (await desk.pods("bots")).every((pod) => pod.metadata.deletionTimestamp !== undefined);
		});
		const confirmed = await until("the replica has said what it sees", async () => {
			const { metadata, status } = await desk.get();
			const found = status?.conditions?.find((condition) => condition.type === "Confirmed");
			return found?.observedGeneration === metadata.generation ? found : undefined;
		});
		t.is(confirmed.status, "False");
		await desk.dropFinalizers();
		await desk.confirmed("Emergency");
		await witness.catchUp();
		t.deepEqual(witness.falseClaims("bots"), []);
	},
);

test.serial("a leader that no longer sees workloads change does not forget what was recorded", async (t) => {
	// Given a desk in Normal with a leader that sees no Deployments any more, and another replica
	const desk = await blindLeader(t, "deployments");
	// When the desk is raised, and lowered without clearance as soon as the owner is at zero
	await desk.patch({ mode: "Pause" });
	await until("the owner is at zero", async () => (await desk.workload("bots")).spec.replicas === 0);
	await desk.patch({ mode: "Normal", reason: "in a hurry" });
	// Then everything comes back
	await desk.confirmed("Normal");
	await desk.ready("bots", 2);
	t.deepEqual(await desk.records(), []);
});

test.serial(
	"a leader that sees no records since before the halt does not say that all is back",
	async (t) => {
		// Given a desk in Normal with a leader that sees no records any more, and another replica that makes them
		const desk = await blindLeader(t, "restorerecords");
		// When it is halted, and lowered again
		await desk.patch({ mode: "Pause" });
		await desk.confirmed("Pause");
		t.deepEqual(await desk.recorded(), ["bots=2"]);
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		// Then what is said to be back is back
		t.is((await desk.workload("bots")).status?.readyReplicas, 2);
		t.deepEqual(await desk.records(), []);
	},
);

test.serial(
	"a leader that slept through a restore does not take a person's zero for that of the halt",
	async (t) => {
		// Given a desk in Pause, and a leader that sees neither Deployments nor records change any more
		const desk = await TestDesk.create(t);
		await desk.run({ name: "bots", replicas: 2 });
		const proxy = await FaultProxy.start(t, desk.cluster);
		const sleeper = await startReplica(t, desk, { kubeconfig: proxy.kubeconfig });
		await until("the first leads", () => sleeper.leads);
		const other = await startReplica(t, desk);
		await desk.govern({ targets: [target("bots", "Bot")] });
		await desk.confirmed("Pause");
		proxy.freezeWatches("deployments");
		proxy.freezeWatches("restorerecords");
		// When it sleeps while the other restores, and a person then scales to zero
		sleeper.signal("SIGSTOP");
		await until("the other leads", () => other.leads);
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		await desk.ready("bots", 2);
		await until("no record is left", async () => (await desk.records()).length === 0);
		await desk.scale("bots", 0);
		// And it wakes, and leads again
		other.signal("SIGSTOP");
		sleeper.signal("SIGCONT");
		const wokenAt = Date.now();
		await until("it leads, and has said what it sees", async () => {
			const { observedAt = "" } = (await desk.get()).status ?? {};
			return sleeper.leads && Date.parse(observedAt) > wokenAt + 1_000;
		});
		// Then the zero stands
		t.is((await desk.workload("bots")).spec.replicas, 0);
	},
);
