import test, { type ExecutionContext } from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { type Replica, startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

const names = ["one", "two", "three", "four"];

/** A halted desk of four targets, which a restore opens one after the other, and its leader. */
async function halted(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	await desk.run(...names.map((name) => ({ name, replicas: 2 })));
	const replicas = [await startReplica(t, desk), await startReplica(t, desk)];
	await desk.govern({ targets: names.map((name) => target(name, "Bot")) });
	await desk.confirmed("Pause");
	const leader = await until("one leads", () => replicas.find((replica) => replica.leads));
	const other = replicas.find((replica) => replica !== leader);
	if (other === undefined) throw new Error("there is no other replica");
	return { desk, leader, other, witness: await Witness.start(t, desk) };
}

/** The other replica has finished what was asked for while the first one sleeps. */
async function takesOver(other: Replica): Promise<void> {
	await until("the other leads", () => other.leads);
}

test.serial("a leader that slept in a restore through a raise starts nothing when it wakes", async (t) => {
	// Given a leader that falls asleep in the middle of a restore
	const { desk, leader, other, witness } = await halted(t);
	await desk.lower("Normal");
	await until("the restore runs", async () => (await desk.workload("one")).spec.replicas === 2);
	leader.signal("SIGSTOP");
	// When somebody raises meanwhile, and the lease ends
	const raised = await desk.patch({ mode: "Emergency" });
	await takesOver(other);
	await desk.confirmed("Emergency");
	const { resourceVersion } = (await desk.get()).metadata;
	// When it wakes up and has noticed that it does not lead
	leader.signal("SIGCONT");
	await until("it knows", () => !leader.leads);
	await until("it is current", async () => (await leader.ready()).status === 200);
	// Then nothing was started since, and the records are what they were
	await witness.catchUp();
	t.deepEqual(witness.createdAfter(resourceVersion, ...names), []);
	for (const name of names) t.is((await desk.workload(name)).spec.replicas, 0, name);
	t.deepEqual(
		await desk.recorded(),
		[...names].sort().map((name) => `${name}=2`),
	);
	t.deepEqual(witness.falseClaims(...names), []);
	const late = witness.createdAfter(raised.metadata.resourceVersion, ...names);
	t.true(late.every((life) => life.goneAt !== undefined));
	// Then everything can still come back
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	for (const name of names) await desk.ready(name, 2);
});

test.serial("a replica that slept from before a raise until after the restore stops nothing", async (t) => {
	// Given a desk in Normal, one of whose replicas falls asleep
	const { desk, leader, other, witness } = await halted(t);
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	leader.signal("SIGSTOP");
	// When it is raised and lowered without it
	await desk.patch({ mode: "Pause" });
	await takesOver(other);
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	const running = (await Promise.all(names.map((name) => desk.pods(name)))).flat();
	// When it wakes up and is current
	leader.signal("SIGCONT");
	await until("it knows", () => !leader.leads);
	await until("it is current", async () => (await leader.ready()).status === 200);
	// Then every pod still runs and no record is left
	await witness.catchUp();
	for (const { metadata } of running) {
		const life = witness.livesOf(...names).find((found) => found.uid === metadata.uid);
		t.is(life?.toldAt, undefined, metadata.name);
	}
	for (const name of names) await desk.ready(name, 2);
	t.deepEqual(await desk.records(), []);
	t.deepEqual(witness.falseClaims(...names), []);
});
