import test from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

test.serial("the pods of an OrderedReady StatefulSet are all told at once", async (t) => {
	// Given a StatefulSet of five, which its controller would stop one by one
	const desk = await TestDesk.create(t);
	await desk.run({ name: "ordered", kind: "StatefulSet", replicas: 5 });
	await startReplica(t, desk);
	const witness = await Witness.start(t, desk);
	// When the desk is halted
	await desk.govern({ mode: "Emergency", targets: [target("ordered", "Strategy")] });
	await desk.confirmed("Emergency");
	// Then each was told before the first was gone, and none came in between
	await witness.catchUp();
	const lives = witness.livesOf("ordered");
	t.is(lives.length, 5);
	const lastTold = Math.max(...lives.map((life) => life.toldAt ?? Number.POSITIVE_INFINITY));
	const firstGone = Math.min(...lives.map((life) => life.goneAt ?? Number.POSITIVE_INFINITY));
	t.true(lastTold < firstGone);
});

test.serial("a pod that stops with its own grace is told to hurry in Emergency", async (t) => {
	// Given a pod that stays, told to stop by Pause with its own 30 s
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 1, finalizers: ["test.example/stay"] });
	t.teardown(() => desk.dropFinalizers());
	await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot")] });
	const grace = async () => (await desk.pods("bots"))[0]?.metadata.deletionGracePeriodSeconds;
	t.is(await until("it is told", grace), 30);
	// When the desk is raised to Emergency, then it has 2 s
	await desk.patch({ mode: "Emergency" });
	await until("it has 2 s", async () => (await grace()) === 2);
	// When it ends, then the halt is confirmed
	await desk.dropFinalizers();
	await desk.confirmed("Emergency");
	t.pass();
});

test.serial("a target's own grace holds", async (t) => {
	// Given a target that gives 7 s in Pause
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 1, finalizers: ["test.example/stay"] });
	t.teardown(() => desk.dropFinalizers());
	await startReplica(t, desk);
	// When it is halted, then its pod is told so, even if the ReplicaSet was faster with the pod's own 30 s
	await desk.govern({
		targets: [
			target("bots", "Bot", {
				onPause: { action: "Stop", gracePeriodSeconds: 7 },
				onReduce: { action: "Stop" },
				onEmergency: { action: "Stop" },
			}),
		],
	});
	await until("it has 7 s", async () => {
		return (await desk.pods("bots"))[0]?.metadata.deletionGracePeriodSeconds === 7;
	});
	// When it ends, then the halt is confirmed
	await desk.dropFinalizers();
	await desk.confirmed("Pause");
	t.pass();
});
