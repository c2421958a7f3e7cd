import test from "ava";
import { operatorNamespace } from "../../crds/roles.ts";
import { deskPath, desksPath } from "../../operator/resources.ts";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

const both = { app: "both", team: "trading" };
const overlapping = [
	target("both", "Risk"),
	{ ...target("team", "Bot"), selector: { matchLabels: { team: "trading" } } },
];

test.serial("of two targets that overlap the more severe holds, and both are named", async (t) => {
	// Given a workload that belongs to a target that Pause keeps, and to one that it stops
	const desk = await TestDesk.create(t);
	await desk.run({ name: "both", replicas: 1, labels: both });
	await startReplica(t, desk);
	// When the desk is governed in Pause, then it is stopped and the overlap is named
	await desk.govern({ targets: overlapping });
	await desk.confirmed("Pause");
	t.deepEqual(await desk.pods(), []);
	const found = await desk.condition("TargetsDistinct");
	t.like(found, { status: "False", reason: "Overlap" });
	t.regex(found?.message ?? "", /both \(both, team\)/);
	// When it is lowered, then it comes back
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("both", 1);
});

test.serial(
	"a target that is taken away while it is held stays fenced, and what it stopped is listed",
	async (t) => {
		// Given a halted desk of two targets
		const desk = await TestDesk.create(t);
		await desk.run({ name: "bots", replicas: 1 }, { name: "gone", replicas: 2 });
		await startReplica(t, desk);
		await desk.govern({ targets: [target("bots", "Bot"), target("gone", "Bot")] });
		await desk.confirmed("Pause");
		// When somebody takes one target out of spec
		await desk.patch({ targets: [target("bots", "Bot")] });
		// Then what it stopped is listed, and its record stays
		await until("it is listed", async () =>
			(await desk.get()).status?.notRestored?.some(
				({ name, reason }) => name === "gone" && reason.startsWith("NoTarget"),
			),
		);
		await desk.lower("Normal");
		await desk.confirmed("Normal");
		t.is((await desk.workload("gone")).spec.replicas, 0);
		t.deepEqual(await desk.recorded(), ["gone=2"]);
		// When the target is put back, then it is restored
		await desk.patch({ targets: [target("bots", "Bot"), target("gone", "Bot")] });
		await desk.ready("gone", 2);
		await until("no record is left", async () => (await desk.records()).length === 0);
	},
);

test.serial("a desk that is deleted and made anew is governed again", async (t) => {
	// Given a halted desk
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 2 });
	const replica = await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot")] });
	await desk.confirmed("Pause");
	// When somebody deletes it by override
	await desk.admin.delete(deskPath(desk.namespace));
	// Then the operator says so and starts nothing
	await until("it is logged", () =>
		replica.log.some((line) => `${line.msg}`.includes("the desk was deleted")),
	);
	const witness = await Witness.start(t, desk);
	t.is((await desk.workload("bots")).spec.replicas, 0);
	t.deepEqual(await desk.recorded(), ["bots=2"]);
	// When it is made anew, then it is governed, with the records of before
	await desk.govern({ targets: [target("bots", "Bot")] });
	await desk.confirmed("Pause");
	t.deepEqual(await desk.recorded(), ["bots=2"]);
	await witness.catchUp();
	t.deepEqual(witness.livesOf("bots"), []);
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 2);
});

test.serial("nonsense that somebody writes into status is put right, and opens nothing", async (t) => {
	// Given a halted desk
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 2 });
	await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot")] });
	const { metadata } = await desk.confirmed("Pause");
	const witness = await Witness.start(t, desk);
	// When somebody with every right writes what is not so
	await desk.admin.patch(
		deskPath(desk.namespace, "status"),
		{
			status: {
				observedGeneration: 999,
				observedAt: "not a time",
				modeInForce: "Bliss",
				holds: [{ name: "Nonsense", message: "nobody knows" }],
				targets: [{ name: "nobody", effective: "Start", startAllowed: true }],
				conditions: [],
				lastTransition: { to: "Bliss", observedAt: "never" },
				history: null,
			},
		},
		{ type: "merge" },
	);
	// Then status is put right, still in Pause, and nothing started
	const { status } = await desk.confirmed("Pause");
	t.is(status?.observedGeneration, metadata.generation);
	t.deepEqual(status?.holds, []);
	t.deepEqual(
		status?.targets?.map(({ name, effective, fencedAs }) => `${name} ${effective} ${fencedAs}`),
		["bots Stop Pause"],
	);
	await witness.catchUp();
	t.deepEqual(witness.livesOf("bots"), []);
	// Then history and trips go on with the next raise
	const raised = await desk.patch({ mode: "Emergency" });
	const after = await desk.confirmed("Emergency");
	t.like(after.status?.history?.at(-1), { to: "Emergency", generation: raised.metadata.generation });
});

test.serial("a desk in the operator's own namespace is denied", async (t) => {
	// Given the namespace that holds operators
	const desk = await TestDesk.create(t);
	// When somebody makes a desk there, then it is denied with what to do
	await t.throwsAsync(
		desk.admin.create(desksPath(operatorNamespace), {
			apiVersion: "tradingsafety.dev/v1alpha1",
			kind: "TradingSafety",
			metadata: { name: "desk" },
			spec: { targets: [target("all", "Bot")] },
		}),
		{ message: /operator/ },
	);
});
