import test from "ava";
import { openWorld, type World } from "./cast.ts";
import { deskObject, deskPath, newDesk, outcome, type Sent } from "./desk.ts";

let world: World;
let namespace: string;
test.before(async () => {
	world = await openWorld();
	namespace = (await newDesk(world, {}, { empty: true })).namespace;
});

const target = { name: "bots", preset: "Bot", selector: { matchLabels: { app: "bot" } } };
const create = (spec: unknown) =>
	outcome(world.as("ovo").create(deskPath(namespace), deskObject(spec), { dryRun: "All" }));

test("bounds hold at the limit and one over", async (t) => {
	// Given values at a limit and one over it.
	const word = (length: number) => "x".repeat(length);
	const words = (count: number, length = 3) =>
		Array.from({ length: count }, (_, i) => `${i}`.padStart(length, "x"));
	const map = (count: number, value: unknown = "v") =>
		Object.fromEntries(words(count).map((key) => [key, value]));
	const request = (more: Sent) => ({ resetRequest: more });
	const targets = (count: number) =>
		words(count).map((name) => ({ ...target, name, selector: { matchLabels: { app: name } } }));
	const expressions = (count: number, values: number) =>
		Array.from({ length: count }, (_, i) => ({ key: `k${i}`, operator: "In", values: words(values) }));
	const grace = (seconds: number) => ({
		targets: [{ ...target, onEmergency: { action: "Stop", gracePeriodSeconds: seconds } }],
	});
	const replicas = (count: number) => ({
		targets: [{ ...target, onEmergency: { action: "Start", replicas: count } }],
	});
	const selector = (value: Sent) => ({ targets: [{ ...target, selector: value }] });
	const bounds: readonly (readonly [string, unknown, unknown])[] = [
		["targets", { targets: targets(32) }, { targets: targets(33) }],
		[
			"name of a target",
			{ targets: [{ ...target, name: word(63) }] },
			{ targets: [{ ...target, name: word(64) }] },
		],
		["labels", selector({ matchLabels: map(8) }), selector({ matchLabels: map(9) })],
		["label value", selector({ matchLabels: { a: word(63) } }), selector({ matchLabels: { a: word(64) } })],
		[
			"expressions",
			selector({ matchExpressions: expressions(8, 1) }),
			selector({ matchExpressions: expressions(9, 1) }),
		],
		[
			"values",
			selector({ matchExpressions: expressions(1, 16) }),
			selector({ matchExpressions: expressions(1, 17) }),
		],
		["grace, least", grace(2), grace(1)],
		["grace, most", grace(300), grace(301)],
		["replicas, least", replicas(1), replicas(0)],
		["replicas, most", replicas(100), replicas(101)],
		["reason", { reason: word(1024) }, { reason: word(1025) }],
		["trip.id", { trip: { id: word(128) } }, { trip: { id: word(129) } }],
		["trip.source", { trip: { source: word(256) } }, { trip: { source: word(257) } }],
		["trip.type", { trip: { type: word(64) } }, { trip: { type: word(65) } }],
		["trip.at", { trip: { at: word(64) } }, { trip: { at: word(65) } }],
		["trip.detail", { trip: { detail: map(8) } }, { trip: { detail: map(9) } }],
		["trip.detail values", { trip: { detail: { a: word(256) } } }, { trip: { detail: { a: word(257) } } }],
		["approvals", { reset: { approvals: 8 } }, { reset: { approvals: 9 } }],
		["cooldown", { reset: { cooldownSeconds: 604_800 } }, { reset: { cooldownSeconds: 604_801 } }],
		[
			"targetModes",
			{
				targets: targets(32),
				targetModes: Object.fromEntries(targets(32).map(({ name }) => [name, "Pause"])),
			},
			{ targetModes: map(33, "Pause") },
		],
	];
	for (const [what, most, over] of bounds) {
		// When each is created.
		// Then the limit is accepted and one over is not.
		t.is(await create(most), "allowed", what);
		t.regex(
			await create(over),
			/Too (long|many)|must have at most|should be (less|greater) than or equal to|may not be (longer|more)/,
			what,
		);
	}
	// And the same for what only a request holds.
	const desk = await newDesk(world, { mode: "Pause" });
	const ask = (more: Sent) =>
		outcome(desk.patch(world.as("lea"), request({ fromMode: "Pause", requestedBy: "lea", ...more }), true));
	for (const [most, over] of [
		[{ reason: word(1024) }, { reason: word(1025) }],
		[{ targets: words(32) }, { targets: words(33) }],
		[{ acknowledgedHolds: words(50) }, { acknowledgedHolds: words(51) }],
	] as const) {
		t.is(await ask(most), "allowed");
		t.regex(await ask(over), /Too (long|many)/);
	}
});

test("the worst size is accepted and stays inside the cost budget", async (t) => {
	// Given a desk at every bound: 32 targets x 8 labels x 8 expressions x 16 values, all selecting one pod.
	const wide = (text: string) => text.padEnd(63, "x");
	const labels = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`label-${i}`, wide(`value-${i}`)]));
	const values = Array.from({ length: 16 }, (_, i) => wide(`value-${15 - i}`));
	const targets = Array.from({ length: 32 }, (_, i) => ({
		name: wide(`target-${i}`),
		preset: "Bot",
		selector: {
			matchLabels: labels,
			matchExpressions: Array.from({ length: 8 }, (_, j) => ({
				key: `label-${j}`,
				operator: "In",
				// The last value is the one that matches, and no two targets have the same list.
				values: [wide(`own-${i}`), ...values.slice(1)],
			})),
		},
	}));
	const targetModes = Object.fromEntries(targets.map(({ name }) => [name, "Normal"]));
	const desk = await newDesk(world, { mode: "Normal", targets, targetModes, reset: { approvals: 8 } });
	const held = targets.map(({ name }) => ({ name, startAllowed: true, unconfirmed: values }));
	t.is(await outcome(desk.status(world.admin, { targets: held })), "allowed");
	// When pods are created, the desk is raised, and one target after the other is changed.
	// Then each gets a verdict and none runs out of budget.
	t.is(await outcome(desk.pod(labels)), "allowed");
	t.is(await outcome(desk.patch(world.as("cfg"), { targets: targets.toReversed() }, true)), "allowed");
	const raised = Object.fromEntries(targets.map(({ name }) => [name, "Emergency"]));
	t.is(await outcome(desk.patch(world.as("ray"), { targetModes: raised, mode: "Reduce" })), "allowed");
	await desk.seen();
	t.regex(await outcome(desk.pod(labels)), /^denied: trading is halted: target target-0x+ of desk/);
	await desk.clear();
	const lowered = { mode: "Pause", targetModes, reason: "x".repeat(1024), setBy: "ovo" };
	t.regex(
		await outcome(desk.patch(world.as("ovo"), lowered)),
		/targetMode of target-\d+x+ is not lowered so in one step/,
	);
	t.is(await outcome(desk.patch(world.as("ovo"), { ...lowered, targetModes: {} })), "allowed");
});
