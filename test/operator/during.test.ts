import test, { type ExecutionContext } from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

/** Any workload with this label belongs to the one target. */
const labels = { team: "trading" };
const trading = { name: "trading", preset: "Bot", selector: { matchLabels: labels } };
const bots = { name: "bots", replicas: 2, labels: { app: "bots", ...labels } };
const late = (name: string, replicas: number) => ({ name, replicas, labels: { app: name, ...labels } });

/** A desk in a confirmed Pause with two replicas. */
async function halted(t: ExecutionContext, options: { readonly labels?: Record<string, string> } = {}) {
	const desk = await TestDesk.create(t, options);
	await desk.run(bots);
	await startReplica(t, desk);
	await startReplica(t, desk);
	await desk.govern({ targets: [trading] });
	if (options.labels === undefined) await desk.confirmed("Pause");
	await until("bots are recorded and at zero", async () => {
		const { spec } = await desk.workload("bots");
		return spec.replicas === 0 && (await desk.pods("bots")).length === 0;
	});
	return { desk, witness: await Witness.start(t, desk) };
}

test.serial("a workload made during a halt with replicas is denied, with 0 it stays at 0", async (t) => {
	// Given a halted desk
	const { desk, witness } = await halted(t);
	// When somebody makes workloads that belong to it, then one that would run is denied
	await t.throwsAsync(desk.apply(late("hasty", 2)), { message: /Pause/ });
	await t.throwsAsync(desk.apply({ ...late("ordered", 1), kind: "StatefulSet" }), { message: /Pause/ });
	await desk.apply(late("patient", 0));
	// Then the other is recorded as 0
	await until("it is recorded", async () => (await desk.recorded()).includes("patient=0"));
	// When the desk is lowered, then it stays at 0 and is not listed as lost
	await desk.lower("Normal");
	const { status } = await desk.confirmed("Normal");
	await desk.ready("bots", 2);
	t.is((await desk.workload("patient")).spec.replicas, 0);
	t.deepEqual(status?.notRestored, []);
	t.deepEqual(await desk.records(), []);
	await witness.catchUp();
	t.deepEqual(witness.livesOf("hasty", "ordered", "patient"), []);
});

test.serial(
	"without the label a workload made during a halt is stopped, recorded and restored",
	async (t) => {
		// Given a halted desk in a namespace that nobody labelled
		const { desk, witness } = await halted(t, { labels: {} });
		// Then the conditions say so, and nothing is confirmed or cleared
		const fenced = await until("it is said", async () => {
			const found = await desk.condition("Fenced");
			return found?.reason === "NamespaceNotLabelled" ? found : undefined;
		});
		t.regex(fenced.message, new RegExp(`label namespace ${desk.namespace}`));
		t.is(fenced.status, "False");
		t.is((await desk.condition("Confirmed"))?.status, "False");
		t.is((await desk.condition("Cleared"))?.status, "False");
		// When somebody makes a workload that belongs to it
		await desk.apply(late("hasty", 2));
		// Then what started is told to stop, and its owner is recorded and at zero
		await until("it is at zero", async () => (await desk.workload("hasty")).spec.replicas === 0);
		await until("it is gone", async () => (await desk.pods("hasty")).length === 0);
		t.deepEqual(await desk.recorded(), ["bots=2", "hasty=2"]);
		t.deepEqual(witness.falseClaims("bots", "hasty"), []);
		// When the namespace is labelled, then the halt is confirmed and everything can come back
		const label = { metadata: { labels: { "tradingsafety.dev/enforce": "targets" } } };
		await desk.admin.patch(`/api/v1/namespaces/${desk.namespace}`, label, { type: "merge" });
		await desk.confirmed("Pause");
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		await desk.ready("bots", 2);
		await desk.ready("hasty", 2);
	},
);

test.serial("a selector that matches nothing is named, and the rest of the desk works", async (t) => {
	// Given a desk with one target that selects nothing
	const desk = await TestDesk.create(t);
	await desk.run(bots);
	await startReplica(t, desk);
	await desk.govern({ targets: [trading, target("nobody", "Strategy")] });
	// When it is halted and lowered, then both work
	await desk.confirmed("Pause");
	t.like(await desk.condition("TargetsFound"), { status: "False", reason: "SelectsNothing" });
	t.regex((await desk.condition("TargetsFound"))?.message ?? "", /nobody/);
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 2);
	t.is((await desk.condition("TargetsFound"))?.status, "False");
});

test.serial("a pod that nothing owns is stopped and listed as not restored", async (t) => {
	// Given a desk in Normal with a bare pod
	const { desk } = await halted(t);
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.admin.create(`/api/v1/namespaces/${desk.namespace}/pods`, {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "bare", labels: { app: "bare", ...labels } },
		spec: { containers: [{ name: "bot", image: "bot" }] },
	});
	await until("it is counted", async () => (await desk.get()).status?.targets?.[0]?.pods === 3);
	// When the desk is raised and lowered
	await desk.patch({ mode: "Pause" });
	await desk.confirmed("Pause");
	t.deepEqual(await desk.pods("bare"), []);
	await desk.lower("Normal");
	// Then it is not made again, and that is said
	const { status } = await desk.confirmed("Normal");
	t.deepEqual(await desk.pods("bare"), []);
	t.like(status?.notRestored?.[0], { kind: "Pod", name: "bare" });
	t.regex(status?.notRestored?.[0]?.reason ?? "", /^NoOwner/);
});

test.serial("replicas that somebody chose between the release and Ready are left alone", async (t) => {
	// Given a desk that is being restored, with a second target that comes later
	const desk = await TestDesk.create(t);
	await desk.run({ name: "first", replicas: 2 }, { name: "second", replicas: 1 });
	await startReplica(t, desk);
	await desk.govern({ targets: [target("first", "Bot"), target("second", "Bot")] });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await until("the first is up again", async () => (await desk.workload("first")).spec.replicas === 2);
	// When somebody chooses another number
	await desk.scale("first", 5);
	// Then that stands, and the restore goes on
	await desk.confirmed("Normal");
	await desk.ready("first", 5);
	await desk.ready("second", 1);
	t.deepEqual(await desk.records(), []);
});
