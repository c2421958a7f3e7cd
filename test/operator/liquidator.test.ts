import test from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

test.serial("a liquidator runs only while everything else is confirmed gone", async (t) => {
	// Given a desk with a liquidator that somebody has left running
	const desk = await TestDesk.create(t);
	await desk.run(
		{ name: "bots", replicas: 2 },
		{ name: "gateway", replicas: 1 },
		{ name: "liquidator", replicas: 1 },
	);
	await startReplica(t, desk);
	await startReplica(t, desk);
	const witness = await Witness.start(t, desk);
	await desk.govern({
		targets: [target("gateway", "Gateway"), target("bots", "Strategy"), target("liquidator", "Liquidator")],
	});
	// Then it is stopped in Pause and in Normal, and nobody can start it
	await desk.confirmed("Pause");
	t.deepEqual(await desk.pods("liquidator"), []);
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	t.is((await desk.workload("liquidator")).spec.replicas, 0);
	t.deepEqual((await desk.get()).status?.notRestored, []);
	const { resourceVersion: before } = (await desk.get()).metadata;
	await t.throwsAsync(desk.scale("liquidator", 1));

	// When it is raised to Emergency
	await desk.patch({ mode: "Emergency" });
	// Then it is started by the leader, once
	await desk.confirmed("Emergency");
	await desk.ready("liquidator", 1);
	t.true((await desk.get()).status?.targets?.find(({ name }) => name === "liquidator")?.startAllowed);

	// When it is lowered, then it is gone before anything comes back
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.ready("gateway", 1);
	t.deepEqual(await desk.pods("liquidator"), []);
	const states = (await desk.get()).status?.targets;
	t.is(states?.find(({ name }) => name === "liquidator")?.startAllowed, undefined);
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 2);

	// Then at no time did it exist together with a pod of another target
	await witness.catchUp();
	const mine = witness.createdAfter(before, "liquidator");
	t.is(mine.length, 1);
	for (const own of mine) {
		const together = witness
			.livesOf("bots", "gateway")
			.filter(
				(life) =>
					life.createdAt < (own.goneAt ?? Number.POSITIVE_INFINITY) &&
					(life.goneAt ?? Number.POSITIVE_INFINITY) > own.createdAt,
			);
		t.deepEqual(together, []);
	}
});

test.serial("a liquidator waits for a pod that does not end", async (t) => {
	// Given a desk with a liquidator and a pod that a finalizer keeps
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 1, finalizers: ["test.example/stay"] });
	await desk.apply({ name: "liquidator", replicas: 0 });
	t.teardown(() => desk.dropFinalizers());
	await startReplica(t, desk);
	const witness = await Witness.start(t, desk);
	await desk.govern({
		mode: "Emergency",
		targets: [target("bots", "Strategy"), target("liquidator", "Liquidator")],
	});
	await until("the pod is named", async () =>
		(await desk.get()).status?.targets?.some((state) => state.unconfirmedCount === 1),
	);
	const stage = await until("it says what it waits for", async () => {
		const found = await desk.condition("Restored");
		return found?.reason === "Waiting" ? found : undefined;
	});
	t.regex(stage.message, /liquidator waits for target bots to be confirmed stopped/);
	t.deepEqual(await desk.pods("liquidator"), []);
	// When the pod ends, then the liquidator starts, and not before
	await desk.dropFinalizers();
	await desk.ready("liquidator", 1);
	await witness.catchUp();
	const gone = witness.livesOf("bots").map((life) => life.goneAt ?? Number.POSITIVE_INFINITY);
	t.true(witness.livesOf("liquidator").every((life) => life.createdAt > Math.max(...gone)));
});
