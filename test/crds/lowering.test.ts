import test from "ava";
import { openWorld, type World } from "./cast.ts";
import { type Desk, newDesk, outcome, type Sent } from "./desk.ts";

const alone = "denied: a lowering changes nothing else: send the configuration or the request separately";

let world: World;
test.before(async () => {
	world = await openWorld();
});

test("a lowering needs a reason that was not there before", async (t) => {
	// Given a cleared desk in Pause with a reason.
	const desk = await newDesk(world, { mode: "Pause", reason: "open" });
	await desk.clear();
	const lower = (spec: Sent) =>
		outcome(desk.patch(world.as("rob"), { mode: "Normal", setBy: "rob", ...spec }, true));
	// When it is lowered without a reason, with the old one, with an empty one, with none, and with a fresh one.
	const said = [
		await lower({}),
		await lower({ reason: "open" }),
		await lower({ reason: "" }),
		await lower({ reason: null }),
		await lower({ reason: "checked" }),
	];
	// Then only the fresh one will do.
	const denied = "denied: lowering needs a fresh reason: set spec.reason in the same patch";
	t.deepEqual(said, [denied, denied, denied, denied, "allowed"]);
});

test("a lowering carries nothing else", async (t) => {
	// Given a cleared desk in Pause.
	const desk = await newDesk(world, { mode: "Pause" });
	await desk.clear();
	const lower = { mode: "Normal", reason: "checked", setBy: "lea" };
	for (const more of [
		{ reset: { approvals: 1 } },
		{ targets: [] },
		{ resetRequest: { fromMode: "Pause", toMode: "Normal", reason: "checked", requestedBy: "lea" } },
	]) {
		// When it is lowered with something else in the same patch, by one who may do each alone.
		const said = await outcome(desk.patch(world.as("lea"), { ...lower, ...more }, true));
		// Then it is denied.
		t.is(said, alone);
	}
});

test("a clearance is good for its mode and for what is less of a lowering", async (t) => {
	// Given a desk in Reduce that was cleared down to Pause, and one whose clearance names no mode.
	const desk = await newDesk(world, { mode: "Reduce" });
	await desk.clear("Pause");
	const odd = await newDesk(world, { mode: "Reduce" });
	const { metadata } = await odd.read();
	await odd.status(world.admin, { clearance: { generation: metadata.generation } });
	// When each is lowered.
	const lower = (where: Desk, mode: string) =>
		outcome(where.patch(world.as("rob"), { mode, reason: "checked", setBy: "rob" }, true));
	// Then down to the mode named and no further; no mode named is good for nothing.
	t.is(await lower(desk, "Pause"), "allowed");
	t.is(await lower(desk, "Normal"), "denied: cleared only down to Pause: lower to that mode first");
	t.is(await lower(odd, "Pause"), "denied: cleared only down to an unknown mode: lower to that mode first");
});

test("a denied lowering names the hold", async (t) => {
	// Given a desk in Pause with two holds.
	const desk = await newDesk(world, { mode: "Pause" });
	const holds = [
		{ name: "PodsLeft/bots", message: "3 pods of bots are left: wait or delete them" },
		{ name: "Armed", message: "no button is armed" },
	];
	await desk.status(world.admin, { holds });
	// When it is lowered.
	const lower = { mode: "Normal", reason: "checked", setBy: "rob" };
	const said = await outcome(desk.patch(world.as("rob"), lower));
	// Then the first of them is told, with its remedy.
	t.is(said, "denied: not cleared for generation 1: 3 pods of bots are left: wait or delete them");
});

test("a desk that asks for approvals is not lowered without a request", async (t) => {
	// Given a cleared desk that asks for one approval and has no request.
	const desk = await newDesk(world, { mode: "Pause", reset: { approvals: 1 } });
	await desk.clear();
	// When it is lowered.
	const lower = { mode: "Normal", reason: "checked", setBy: "rob" };
	const said = await outcome(desk.patch(world.as("rob"), lower));
	// Then the person hears how to go about it.
	t.is(
		said,
		"denied: this desk asks for approvals: write spec.resetRequest first, and lower when it is approved",
	);
});
