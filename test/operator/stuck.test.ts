import test from "ava";
import { until } from "../support/until.ts";
import { TestDesk, target } from "./desk.ts";
import { people } from "./people.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

const bots = { name: "bots", replicas: 2 };
const stubborn = { name: "stubborn", replicas: 1, finalizers: ["test.example/stay"] };

test.serial(
	"a pod that never ends is named, holds the lowering, and a person may answer for it",
	async (t) => {
		// Given a halt with one pod that a finalizer keeps
		const desk = await TestDesk.create(t);
		const { requester, approver } = await people(t, desk);
		await desk.run(bots, stubborn);
		await startReplica(t, desk);
		await desk.govern({
			targets: [target("bots", "Bot"), target("stubborn", "Bot")],
			reset: { approvals: 1 },
		});
		const [pod] = await desk.pods("stubborn");
		t.teardown(() => desk.dropFinalizers());
		const witness = await Witness.start(t, desk);
		await until("everything else is gone", async () => {
			const { status } = await desk.get();
			const states = new Map(status?.targets?.map((state) => [state.name, state]));
			return states.get("bots")?.pods === 0 && states.get("stubborn")?.unconfirmedCount === 1;
		});

		// Then it is named, and nothing is confirmed
		const hold = await until("it is the only hold", async () => {
			const { status } = await desk.get();
			return status?.holds?.length === 1 ? status.holds[0] : undefined;
		});
		t.is(hold.name, "PodsLeft/stubborn");
		t.regex(hold.message, new RegExp(pod?.metadata.name ?? "no pod"));
		const { status } = await desk.get();
		const stuck = status?.targets?.find((state) => state.name === "stubborn");
		t.true(stuck?.unconfirmed?.some((text) => text.startsWith(pod?.metadata.name ?? "no pod")));
		t.is((await desk.condition("Confirmed"))?.status, "False");
		t.is((await desk.condition("Cleared"))?.status, "False");

		// When a resetter lowers without clearance, then the denial names the hold
		const signed = { mode: "Normal", setBy: requester.name };
		await t.throwsAsync(desk.patch({ ...signed, reason: "I want to" }, requester.client), {
			message: new RegExp(`target stubborn: 1 pods not confirmed gone: ${pod?.metadata.name}`),
		});

		// When the requester answers for it and somebody approves
		await desk.patch(
			{
				resetRequest: {
					fromMode: "Pause",
					tripId: "",
					toMode: "Normal",
					reason: "the node is dead, I looked",
					requestedBy: requester.name,
					acknowledgedHolds: ["PodsLeft/stubborn"],
				},
			},
			requester.client,
		);
		await desk.patch({ resetRequest: { approvals: { [approver.name]: {} } } }, approver.client);
		await desk.cleared();
		await desk.patch(
			{ ...signed, reason: "the node is dead, I looked", resetRequest: null },
			requester.client,
		);

		// Then it passes, everything comes back, and no claim was false
		await desk.confirmed("Normal");
		await desk.ready("bots", 2);
		const history = (await desk.get()).status?.history?.at(-1);
		t.like(history, { from: "Pause", to: "Normal", actor: requester.name });
		t.is(history?.override, undefined);
		await witness.catchUp();
		t.deepEqual(witness.falseClaims("bots", "stubborn"), []);
	},
);

test.serial("a pod that ends at last is confirmed gone, and not before", async (t) => {
	// Given a halt with one pod that a finalizer keeps
	const desk = await TestDesk.create(t);
	await desk.run(stubborn);
	await startReplica(t, desk);
	t.teardown(() => desk.dropFinalizers());
	const witness = await Witness.start(t, desk);
	await desk.govern({ targets: [target("stubborn", "Bot")] });
	await until("it is named", async () =>
		(await desk.get()).status?.targets?.some((state) => state.unconfirmedCount === 1),
	);
	// When the finalizer goes
	await desk.dropFinalizers();
	// Then the halt is confirmed, after the pod was gone
	await desk.confirmed("Pause");
	await witness.catchUp();
	t.true(witness.versions.length > 0);
	t.deepEqual(witness.falseClaims("stubborn"), []);
	t.is(witness.livesOf("stubborn").filter((life) => life.goneAt !== undefined).length, 1);
});
