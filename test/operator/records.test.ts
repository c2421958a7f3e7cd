import test, { type ExecutionContext } from "ava";
import { recordsPath } from "../../operator/resources.ts";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { FaultProxy } from "./proxy.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

const names = ["bots", "strategy"];
const workloads = [
	{ name: "bots", replicas: 3 },
	{ name: "strategy", replicas: 1 },
];

/** A desk in a confirmed Pause with two replicas, of which the second is stopped too. */
async function halted(t: ExecutionContext) {
	const desk = await TestDesk.create(t);
	await desk.run(...workloads);
	await startReplica(t, desk);
	await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot"), target("strategy", "Strategy")] });
	await desk.confirmed("Pause");
	return { desk, witness: await Witness.start(t, desk) };
}

/** UID and content of each record. */
async function identities(desk: TestDesk): Promise<readonly string[]> {
	return (await desk.records()).map(({ metadata, spec }) => `${metadata.uid} ${spec.replicas}`).sort();
}

test.serial("a second and a third raise leave the records as they are", async (t) => {
	// Given a halted desk with its records
	const { desk } = await halted(t);
	const before = await identities(desk);
	t.is(before.length, 2);
	// When it is raised again, twice
	await desk.patch({ mode: "Reduce" });
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	// Then they are the same records, with the same content
	t.deepEqual(await identities(desk), before);
});

test.serial("a raise in the middle of a restore keeps what was recorded before it", async (t) => {
	// Given a restore that has opened the first target
	const { desk, witness } = await halted(t);
	await desk.lower("Normal");
	await until("the first is up", async () => (await desk.workload("bots")).spec.replicas === 3);
	// When it is raised
	await desk.patch({ mode: "Pause" });
	await desk.confirmed("Pause");
	// Then both are recorded with what they had before the first halt
	t.deepEqual(await desk.recorded(), ["bots=3", "strategy=1"]);
	await witness.catchUp();
	t.deepEqual(witness.falseClaims(...names), []);
	// Then both come back
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 3);
	await desk.ready("strategy", 1);
});

test.serial("a record that somebody deletes in a halt is not guessed: NoRecord", async (t) => {
	// Given a halted desk, one record of which somebody deletes
	const { desk } = await halted(t);
	const lost = (await desk.records()).find(({ spec }) => spec.workload.name === "bots");
	await desk.admin.delete(recordsPath(desk.namespace, lost?.metadata.name));
	const noRecord = async () =>
		(await desk.get()).status?.notRestored?.find(
			(row) => row.name === "bots" && /^NoRecord/.test(row.reason),
		);
	// Then that is said at once, while the halt stands
	await until("it is listed", noRecord);
	t.deepEqual(await desk.recorded(), ["strategy=1"]);
	// When it is raised and lowered
	await desk.patch({ mode: "Emergency" });
	await desk.confirmed("Emergency");
	await desk.lower("Pause");
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	// Then the other is back, and it is left at 0 and still listed
	await desk.ready("strategy", 1);
	t.is((await desk.workload("bots")).spec.replicas, 0);
	t.truthy(await noRecord());
	// When somebody scales it, then it is listed no more
	await desk.scale("bots", 3);
	await desk.ready("bots", 3);
	await until("it is mended", async () => (await noRecord()) === undefined);
});

test.serial("a replica that still sees the zero of an earlier halt records what runs now", async (t) => {
	// Given a second replica whose watch of Deployments falls silent in a halt
	const desk = await TestDesk.create(t);
	await desk.run(...workloads);
	const first = await startReplica(t, desk);
	await until("the first leads", () => first.leads);
	const proxy = await FaultProxy.start(t, desk.cluster);
	const second = await startReplica(t, desk, { kubeconfig: proxy.kubeconfig });
	await second.port();
	await desk.govern({ targets: [target("bots", "Bot"), target("strategy", "Strategy")] });
	await desk.confirmed("Pause");
	proxy.freezeWatches("deployments");
	// When the halt ends without it, the other replica dies, and the desk is raised again
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await first.end("SIGKILL");
	await desk.patch({ mode: "Emergency" });
	// Then it records what ran
	await desk.confirmed("Emergency");
	t.deepEqual(await desk.recorded(), ["bots=3", "strategy=1"]);
	for (const name of names) t.is((await desk.workload(name)).spec.replicas, 0, name);
});

test.serial("a workload made anew during a halt is another one: the old record is not used", async (t) => {
	// Given a halted desk
	const { desk } = await halted(t);
	// When somebody deletes a workload and makes one of the same name at 0
	const path = `/apis/apps/v1/namespaces/${desk.namespace}/deployments/bots`;
	await desk.admin.delete(path);
	await until("it is gone", async () =>
		desk.workload("bots").then(
			() => false,
			() => true,
		),
	);
	await desk.apply({ name: "bots", replicas: 0 });
	await until("it is recorded", async () => (await desk.recorded()).includes("bots=0"));
	// When the desk is lowered, then it stays at 0, and no record is left
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("strategy", 1);
	t.is((await desk.workload("bots")).spec.replicas, 0);
	await until("no record is left", async () => (await desk.records()).length === 0);
});
