import test, { type ExecutionContext } from "ava";
import { until } from "../support/until.ts";
import { Chance } from "./chance.ts";
import { TestDesk, target, type WorkloadSpec } from "./desk.ts";
import { type Replica, startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

const workloads: readonly WorkloadSpec[] = [
	{ name: "bots", replicas: 4 },
	{ name: "ordered", kind: "StatefulSet", replicas: 2 },
	{ name: "idle", replicas: 0 },
	{ name: "risk", replicas: 1 },
];
const stopped = ["bots", "ordered", "idle"] as const;
const targets = [target("risk", "Risk"), ...stopped.map((name) => target(name, "Bot"))];

/** A desk in Normal, governed by two replicas, with a witness. */
async function governed(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	await desk.run(...workloads);
	const replicas = [await startReplica(t, desk), await startReplica(t, desk)];
	await desk.govern({ targets });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return { desk, replicas, witness: await Witness.start(t, desk) };
}

/** Kills some replicas without warning, and starts as many new ones. */
async function replace(
	t: ExecutionContext,
	desk: TestDesk,
	replicas: Replica[],
	victims: readonly number[],
): Promise<void> {
	await Promise.all(victims.map((index) => replicas[index]?.end("SIGKILL")));
	for (const index of victims) replicas[index] = await startReplica(t, desk);
}

for (const { who, victims } of [
	{ who: "one replica", victims: [0] },
	{ who: "the other replica", victims: [1] },
	{ who: "both replicas", victims: [0, 1] },
]) {
	test.serial(`kill -9 of ${who} in a raise and in a restore loses nothing and starts nothing`, async (t) => {
		// Given a desk in Normal with two replicas
		const chance = new Chance(t);
		const { desk, replicas, witness } = await governed(t);
		for (const mode of ["Reduce", "Pause"]) {
			// When it is raised and the kill comes at some moment of the halt
			const raised = await desk.patch({ mode, reason: "test" });
			await chance.moment(400);
			await replace(t, desk, replicas, victims);
			// Then the halt is completed, with the records of what ran
			await desk.confirmed(mode);
			await witness.catchUp();
			t.deepEqual(await desk.recorded(), ["bots=4", "idle=0", "ordered=2"]);
			for (const name of stopped) t.deepEqual(await desk.pods(name), [], name);
			const late = witness.createdAfter(raised.metadata.resourceVersion, ...stopped);
			t.true(late.every((life) => life.toldAt !== undefined && life.goneAt !== undefined));
			t.deepEqual(witness.falseClaims(...stopped), []);
			// When it is lowered and the kill comes at some moment of the restore
			await desk.lower("Normal");
			await chance.moment(400);
			await replace(t, desk, replicas, victims);
			// Then everything is what it was
			await desk.confirmed("Normal");
			for (const { name, kind, replicas: n } of workloads) await desk.ready(name, n, kind);
			t.deepEqual(await desk.records(), []);
		}
		// Then risk was never touched
		t.is(witness.livesOf("risk").length, 1);
	});
}

test.serial("with every replica dead nobody claims anything new, and the fence holds", async (t) => {
	// Given a desk in Normal whose replicas were killed
	const { desk, replicas, witness } = await governed(t);
	await Promise.all(replicas.map((replica) => replica.end("SIGKILL")));
	const before = await desk.get();
	// When it is raised, and an owner is told to make another pod
	const raised = await desk.patch({ mode: "Emergency" });
	const [victim] = await desk.pods("bots");
	await desk.admin.delete(`/api/v1/namespaces/${desk.namespace}/pods/${victim?.metadata.name}`);
	await until("the pod is gone", async () => (await desk.pods("bots")).length === 3);
	await until("the owner was denied", async () => {
		const events = await desk.events();
		return events.some(({ reason, note }) => reason === "FailedCreate" && note?.includes("Emergency"));
	});
	// Then status still speaks of the generation before and is as old as the last look
	const after = await desk.get();
	t.deepEqual(after.status, before.status);
	t.not(after.status?.observedGeneration, raised.metadata.generation);
	// Then no pod came in its place
	await witness.catchUp();
	t.deepEqual(witness.createdAfter(raised.metadata.resourceVersion, ...stopped), []);
	// When a replica comes back, then the halt is completed with what is recorded from then on
	await startReplica(t, desk);
	await desk.confirmed("Emergency");
	t.deepEqual(await desk.recorded(), ["bots=4", "idle=0", "ordered=2"]);
	t.deepEqual(witness.falseClaims(...stopped), []);
});
