import test, { type ExecutionContext } from "ava";
import { until } from "../support/until.ts";
import { administrator, TestDesk, target } from "./desk.ts";
import { people } from "./people.ts";
import { startReplica } from "./replica.ts";
import { Witness } from "./witness.ts";

const all = ["bots", "gateway", "risk"];

/** A desk in Normal with one replica. */
async function normal(t: ExecutionContext, rest: object = {}) {
	const desk = await TestDesk.create(t);
	await desk.run(...all.map((name) => ({ name, replicas: 1 })));
	await startReplica(t, desk);
	const presets = { bots: "Bot", gateway: "Gateway", risk: "Risk" } as const;
	await desk.govern({
		targets: [target("gateway", presets.gateway), target("bots", presets.bots), target("risk", presets.risk)],
		...rest,
	});
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return desk;
}

const appsOf = async (desk: TestDesk) => (await desk.pods()).map((pod) => pod.metadata.labels?.app).sort();

test.serial("freeze stops everything but risk, from Normal too, and ends in Pause", async (t) => {
	// Given a desk in Normal
	const desk = await normal(t);
	const [risk] = await desk.pods("risk");
	const witness = await Witness.start(t, desk);
	// When somebody freezes it
	await desk.patch({ freeze: true });
	// Then only risk is left, untouched
	await desk.confirmed("Normal+Freeze");
	t.deepEqual(
		(await desk.pods()).map((pod) => pod.metadata.uid),
		[risk?.metadata.uid],
	);
	t.deepEqual(await desk.recorded(), ["bots=1", "gateway=1"]);
	// Then it cannot be unfrozen into Normal, by nobody without an override
	const { requester } = await people(t, desk);
	await desk.cleared();
	const unfreeze = { freeze: false, reason: "seen through", setBy: requester.name };
	await t.throwsAsync(desk.patch(unfreeze, requester.client), { message: /Pause/ });
	// When it is raised to Pause and unfrozen
	await desk.patch({ mode: "Pause" });
	await desk.confirmed("Pause+Freeze");
	await desk.cleared();
	await desk.patch(unfreeze, requester.client);
	// Then the gateway, which Pause keeps, is back, and the bots are not
	await desk.confirmed("Pause");
	await desk.ready("gateway", 1);
	t.deepEqual(await appsOf(desk), ["gateway", "risk"]);
	// When it is lowered to Normal, then the bots are back too
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	t.deepEqual(await appsOf(desk), ["bots", "gateway", "risk"]);
	t.deepEqual(await desk.records(), []);
	await witness.catchUp();
	t.deepEqual(witness.falseClaims("bots"), []);
	t.is(witness.livesOf("risk").length, 1);
});

test.serial("an unfreeze that needs a second person goes by request and approval", async (t) => {
	// Given a frozen desk in Pause that asks for one approval
	const desk = await normal(t, { reset: { approvals: 1 } });
	const { requester, approver } = await people(t, desk);
	await desk.patch({ mode: "Pause", freeze: true });
	await desk.confirmed("Pause+Freeze");
	// When the requester tries alone, then it is denied
	await desk.cleared();
	const unfreeze = { freeze: false, reason: "seen through", setBy: requester.name };
	await t.throwsAsync(desk.patch(unfreeze, requester.client), { message: /asks for approvals/ });
	// When it is requested, approved and carried out
	const request = {
		fromMode: "Pause",
		tripId: "",
		unfreeze: true,
		reason: "seen through",
		requestedBy: requester.name,
	};
	await desk.patch({ resetRequest: request }, requester.client);
	await desk.patch({ resetRequest: { approvals: { [approver.name]: {} } } }, approver.client);
	await desk.cleared();
	await desk.patch({ ...unfreeze, resetRequest: null }, requester.client);
	// Then it is in Pause, and history knows of no override
	const { status } = await desk.confirmed("Pause");
	t.like(status?.history?.at(-1), { from: "Pause+Freeze", to: "Pause", actor: requester.name });
	t.is(status?.history?.at(-1)?.override, undefined);
});

test.serial("one target alone is raised and lowered, and the others trade on", async (t) => {
	// Given a desk in Normal
	const desk = await normal(t);
	const witness = await Witness.start(t, desk);
	// When the gateway alone is raised to Emergency
	await desk.patch({ targetModes: { gateway: "Emergency" } });
	// Then it is stopped and the others are not
	await until("the gateway is gone", async () => (await desk.pods("gateway")).length === 0);
	await desk.cleared();
	t.deepEqual(await appsOf(desk), ["bots", "risk"]);
	t.deepEqual(await desk.recorded(), ["gateway=1"]);
	// When it is lowered step by step
	await desk.patch({ targetModes: { gateway: "Pause" }, reason: "first step", setBy: administrator });
	await desk.ready("gateway", 1);
	await desk.cleared();
	await desk.patch({
		targetModes: { gateway: "Normal" },
		reason: "second step",
		setBy: administrator,
	});
	// Then it is released, and no other pod was touched
	await until("it is released", async () => {
		const { status } = await desk.get();
		return status?.targets?.every((state) => state.fencedAs === undefined);
	});
	t.deepEqual(await desk.records(), []);
	await witness.catchUp();
	t.is(witness.livesOf("bots", "risk").length, 2);
});
