import test, { type ExecutionContext } from "ava";
import { servesMutatingPolicies } from "../../dev/install.ts";
import { until } from "../support/until.ts";
import { administrator, TestDesk, target } from "./desk.ts";
import { people } from "./people.ts";
import { startReplica } from "./replica.ts";

/** A desk in Normal with two replicas. */
async function normal(t: ExecutionContext, rest: object = {}) {
	const desk = await TestDesk.create(t);
	await desk.run({ name: "bots", replicas: 1 });
	await startReplica(t, desk);
	await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot")], ...rest });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	return desk;
}

test.serial("five raises in a row are all told, by whom and why", async (t) => {
	// Given a desk in Normal
	const desk = await normal(t);
	const { raiser } = await people(t, desk);
	const stamps = await servesMutatingPolicies(desk.cluster);
	const before = (await desk.get()).status;
	t.is(before?.trips, undefined);
	// When five trips come as fast as they can be sent
	const presses = [
		{ mode: "Pause", trip: { id: "1", type: "Manual", source: "a" }, reason: "r1" },
		{ mode: "Reduce", trip: { id: "2", type: "DailyLoss", source: "b" }, reason: "r2" },
		{ mode: "Emergency", trip: { id: "3", type: "Button", source: "c" }, reason: "r3" },
		{ trip: { id: "4", type: "Button", source: "d" }, reason: "r4" },
		{ freeze: true, trip: { id: "5", type: "Manual", source: "e" }, reason: "r5" },
	];
	for (const press of presses) await desk.patch({ ...press, setBy: raiser.name }, raiser.client);
	const { status, metadata } = await desk.confirmed("Emergency+Freeze");
	// Then each is counted once, and the last one is told whole
	t.like(status?.trips, {
		total: 5,
		byType: { Manual: 2, DailyLoss: 1, Button: 2 },
		last: { id: "5", type: "Manual", source: "e", reason: "r5", mode: "Emergency" },
	});
	// Where nothing stamps, a name that was there before may be that of another
	const again = stamps ? raiser.name : undefined;
	t.is(status?.trips?.last?.by, again);
	t.is(status?.trips?.last?.generation, metadata.generation);
	// Then history has each change of mode, in order, with no gap
	const rows = status?.history?.slice(-4) ?? [];
	t.deepEqual(
		rows.map(({ from, to, actor, reason }) => `${from}>${to} ${actor} ${reason}`),
		[
			`Normal>Pause ${raiser.name} r1`,
			`Pause>Reduce ${again} r2`,
			`Reduce>Emergency ${again} r3`,
			`Emergency>Emergency+Freeze ${again} r5`,
		],
	);
	t.true(rows.every((row) => row.gap === undefined && row.override === undefined));
	// Then the last transition has its stages in their order
	const last = status?.lastTransition;
	t.like(last, { from: "Emergency", to: "Emergency+Freeze" });
	const times = [last?.observedAt, last?.fencedAt, last?.confirmedAt].map((time) => Date.parse(time ?? ""));
	t.deepEqual(
		times,
		times.toSorted((a, b) => a - b),
	);
	// Then there are events for people
	await until("the events are there", async () => {
		const notes = (await desk.events())
			.filter((event) => event.regarding?.kind === "TradingSafety" && event.reason === "ModeChanged")
			.map((event) => event.note ?? "");
		return rows.every((row) =>
			notes.some((note) => note.startsWith(`${row.from} -> ${row.to}${row.actor ? " by" : ":"}`)),
		);
	});
});

test.serial("an override is told in history and as a warning", async (t) => {
	// Given a desk that was raised
	const desk = await normal(t);
	await desk.patch({ mode: "Emergency" });
	// When it is lowered at once, without clearance
	await desk.patch({ mode: "Pause", reason: "I know better", setBy: administrator });
	// Then history says so, and a warning
	const { status } = await desk.confirmed("Pause");
	t.like(status?.history?.at(-1), { from: "Emergency", to: "Pause", override: true, actor: administrator });
	await until("a warning is there", async () =>
		(await desk.events()).some(
			({ type, reason, note }) =>
				type === "Warning" && reason === "ModeChanged" && note?.includes("by override, without clearance"),
		),
	);
	// Then the next lowering, with clearance, is none
	await desk.lower("Normal");
	const after = await desk.confirmed("Normal");
	t.is(after.status?.history?.at(-1)?.override, undefined);
	await desk.ready("bots", 1);
});

test.serial("a lowering waits for the cooldown after the last trip", async (t) => {
	// Given a desk with a cooldown of 4 s
	const desk = await normal(t, { reset: { cooldownSeconds: 4 } });
	await desk.patch({ mode: "Pause", trip: { id: "one" } });
	await desk.confirmed("Pause");
	const hold = await until("it is held", async () =>
		(await desk.get()).status?.holds?.find(({ name }) => name === "Cooldown"),
	);
	const first = Date.parse(/ends at (\S+)/.exec(hold.message)?.[1] ?? "");
	// When another trip comes in the halt
	const pressed = Date.now();
	await desk.patch({ trip: { id: "two" } });
	// Then the clearance comes, and not before the cooldown after that
	await desk.cleared();
	const given = Date.parse((await desk.get()).status?.clearance?.time ?? "");
	t.true(given >= pressed + 4_000, `cleared ${given - pressed} ms after the trip`);
	t.true(given > first);
	await desk.lower("Normal");
	await desk.confirmed("Normal");
});

test.serial("a request and an approval lower, and a press in between voids them", async (t) => {
	// Given a halted desk that asks for one approval
	const desk = await normal(t, { reset: { approvals: 1 } });
	const { requester, approver, raiser } = await people(t, desk);
	const ask = async (tripId: string) =>
		desk.patch(
			{
				resetRequest: {
					fromMode: "Emergency",
					tripId,
					toMode: "Pause",
					reason: "cause found",
					requestedBy: requester.name,
				},
			},
			requester.client,
		);
	const approve = () => desk.patch({ resetRequest: { approvals: { [approver.name]: {} } } }, approver.client);
	const carryOut = () =>
		desk.patch(
			{ mode: "Pause", reason: "cause found", setBy: requester.name, resetRequest: null },
			requester.client,
		);
	await desk.patch({ mode: "Emergency", trip: { id: "one" } }, raiser.client);
	await desk.confirmed("Emergency");
	await ask("one");
	await approve();
	await desk.cleared();
	// When the button is pressed once more, then the approved request is worth nothing
	await desk.patch({ trip: { id: "two" } }, raiser.client);
	await desk.cleared();
	await t.throwsAsync(carryOut(), { message: /denied request/ });
	// When it is asked for and approved anew, then it is carried out
	await desk.patch({ resetRequest: null }, requester.client);
	await ask("two");
	await approve();
	await desk.cleared();
	await carryOut();
	const { status } = await desk.confirmed("Pause");
	t.like(status?.history?.at(-1), { from: "Emergency", to: "Pause", actor: requester.name });
	t.is(status?.history?.at(-1)?.override, undefined);
});
