import test from "ava";
import { operatorNamespace } from "../../crds/roles.ts";
import { deskPath, desksPath, podsPath } from "../../operator/resources.ts";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { people } from "./people.ts";
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

test.serial("a status that a hand writes to look open is taken back, and opens nothing", async (t) => {
	// Given a desk in Emergency whose pods do not end, so that it cannot be lowered
	const desk = await TestDesk.create(t);
	const { requester } = await people(t, desk);
	await desk.run({ name: "bots", replicas: 2, finalizers: ["tradingsafety.dev/test"] });
	await startReplica(t, desk);
	await desk.govern({ mode: "Emergency", targets: [target("bots", "Bot")] });
	const stands = async () => {
		const { metadata, status } = await desk.get();
		const confirmed = status?.conditions?.find(({ type }) => type === "Confirmed");
		const row = status?.targets?.find(({ name }) => name === "bots");
		const isRight =
			confirmed?.reason === "PodsLeft" &&
			status?.observedGeneration === metadata.generation &&
			status?.clearance === undefined &&
			status?.holds?.some(({ name }) => name === "PodsLeft/bots") === true &&
			`${row?.effective} ${row?.fencedAs} ${row?.startAllowed}` === "Stop Emergency undefined";
		return isRight ? metadata : undefined;
	};
	const { generation } = await until("the halt waits for its pods", stands);
	await until("the owner is at zero", async () => (await desk.workload("bots")).spec.replicas === 0);
	// When somebody with every right writes that all is over, cleared and open
	const lastTransitionTime = new Date().toISOString();
	const isTrue = { status: "True", reason: "Hand", message: "all is well", observedGeneration: generation };
	await desk.admin.patch(
		deskPath(desk.namespace, "status"),
		{
			status: {
				modeInForce: "Normal",
				clearance: { generation, toMode: "Normal" },
				holds: [],
				targets: [{ name: "bots", effective: "Run", pods: 0, signalled: "Admit", startAllowed: true }],
				conditions: ["Confirmed", "Cleared", "Enforced", "Restored"].map((type) => ({
					...{ type, lastTransitionTime },
					...isTrue,
				})),
			},
		},
		{ type: "merge" },
	);
	// Then it is put right, nothing was started by it, no pod can be made, and it is not lowered
	await until("status is right again", stands);
	const pod = {
		metadata: { name: "new", labels: { app: "bots" } },
		spec: { containers: [{ name: "c", image: "c" }] },
	};
	await t.throwsAsync(desk.admin.create(podsPath(desk.namespace), pod), { message: /trading is halted/ });
	const lowering = { mode: "Pause", reason: "it says so", setBy: requester.name };
	await t.throwsAsync(desk.patch(lowering, requester.client), { message: /not cleared/ });
	t.is((await desk.workload("bots")).spec.replicas, 0);
	t.deepEqual(await desk.recorded(), ["bots=2"]);
	// When the pods end, then it is confirmed and lowers as ever
	await desk.dropFinalizers();
	await desk.confirmed("Emergency");
	await desk.cleared();
	await desk.patch({ ...lowering, reason: "checked" }, requester.client);
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	await desk.ready("bots", 2);
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
