import test from "ava";
import { openWorld, type World } from "./cast.ts";
import { type Desk, newDesk, outcome, type Sent } from "./desk.ts";

const fits =
	"denied: this lowering is not what the reset request asked for, or a raise since then voided it: compare toMode, fromMode, tripId, reason, unfreeze and targets, or ask anew";
let world: World;
test.before(async () => {
	world = await openWorld();
});

/** A desk in Emergency by trip t1 that asks for two approvals, with the request of lea. */
async function asked(request: Sent = {}, spec: Sent = {}): Promise<Desk> {
	const desk = await newDesk(world, {
		mode: "Emergency",
		trip: { id: "t1" },
		reset: { approvals: 2 },
		...spec,
	});
	await desk.patch(world.as("lea"), { resetRequest: { ...requestOfLea, ...request } });
	return desk;
}

const requestOfLea = {
	fromMode: "Emergency",
	tripId: "t1",
	toMode: "Pause",
	reason: "venue is back",
	requestedBy: "lea",
};
const carryOut = { mode: "Pause", reason: "venue is back", resetRequest: null };

async function approve(desk: Desk): Promise<void> {
	for (const person of ["ann", "bob"] as const) {
		await desk.patch(world.as(person), { resetRequest: { approvals: { [person]: { note: "seen" } } } });
	}
	await desk.clear();
}

test("a request names its author and what it answers, and starts without approvals", async (t) => {
	// Given a desk in Emergency by trip t1.
	const desk = await newDesk(world, { mode: "Emergency", trip: { id: "t1" } });
	const ask = (request: Sent, person: "lea" | "ray" | "ann" = "lea") =>
		outcome(desk.patch(world.as(person), { resetRequest: { ...requestOfLea, ...request } }, true));
	// When requests are written, right and wrong.
	const authored =
		"denied: a reset request carries its author (requestedBy: lea) and starts without approvals";
	const answers = 'denied: the request must name what it answers: fromMode: Emergency, tripId: "t1"';
	// Then each error is told with what it should be.
	t.is(await ask({}), "allowed");
	t.is(await ask({ requestedBy: "ann" }), authored);
	t.is(await ask({ requestedBy: null }), authored);
	t.is(await ask({ approvals: { ann: {} } }), authored);
	t.is(await ask({ tripId: "t0" }), answers);
	t.is(await ask({ tripId: null }), answers);
	t.is(await ask({ fromMode: "Pause" }), answers);
	const reset = "denied: a reset request needs the verb reset (ClusterRole tradingsafety-resetter)";
	t.is(await ask({ requestedBy: "ray" }, "ray"), reset);
	t.is(await ask({ requestedBy: "ann" }, "ann"), reset);
});

test("each person approves for themselves, and never their own request", async (t) => {
	// Given the request of lea with the approval of ann.
	const desk = await asked();
	await desk.patch(world.as("ann"), { resetRequest: { approvals: { ann: {} } } });
	const approvals = (person: "lea" | "ann" | "bob" | "ray", value: Sent) =>
		outcome(desk.patch(world.as(person), { resetRequest: { approvals: value } }, true));
	const own = (person: string) =>
		`denied: only the approval of ${person} is yours to add or take back, not to your own request; it needs the verb approve (ClusterRole tradingsafety-approver)`;
	// When people write approvals.
	// Then only their own counts, and only of those who may.
	t.is(await approvals("bob", { bob: { note: "I looked" } }), "allowed");
	t.is(await approvals("ann", { ann: null }), "allowed");
	t.is(await approvals("lea", { lea: {} }), own("lea"));
	t.is(await approvals("ray", { ray: {} }), own("ray"));
	t.is(await approvals("bob", { ann: null }), own("bob"));
	t.is(await approvals("bob", { ann: { note: "not hers" } }), own("bob"));
	t.is(await approvals("bob", { carl: {} }), own("bob"));
	t.is(await approvals("bob", { bob: {}, carl: {} }), own("bob"));
});

test("a change of the request is a new request", async (t) => {
	// Given an approved request of lea.
	const desk = await asked();
	await approve(desk);
	// When lea or rob change a word of it, with and without emptying the approvals.
	const change = (person: "lea" | "rob" | "ann", request: Sent) =>
		outcome(desk.patch(world.as(person), { resetRequest: request }, true));
	// Then the approvals have to go, and its author is whoever wrote it.
	const authored = (person: string) =>
		`denied: a reset request carries its author (requestedBy: ${person}) and starts without approvals`;
	t.is(await change("lea", { reason: "another" }), authored("lea"));
	t.is(await change("lea", { reason: "another", approvals: null }), "allowed");
	t.is(await change("rob", { reason: "another", approvals: null }), authored("rob"));
	t.is(await change("rob", { reason: "another", approvals: null, requestedBy: "rob" }), "allowed");
	t.is(await change("lea", { acknowledgedHolds: ["Armed"] }), authored("lea"));
	t.regex(await change("ann", { note: "x", reason: "another", approvals: null }), /needs the verb reset/);
	// And anyone who may patch may withdraw it.
	t.is(await outcome(desk.patch(world.as("ray"), { resetRequest: null }, true)), "allowed");
});

test("a lowering does what was asked and approved, and takes the request away", async (t) => {
	// Given the request of lea, not approved yet, and cleared.
	const desk = await asked();
	await desk.clear();
	const lower = (spec: Sent, person: "lea" | "rob" | "ovo" = "rob") =>
		outcome(desk.patch(world.as(person), { ...carryOut, setBy: person, ...spec }, true));
	const add = 'others add theirs with {"spec":{"resetRequest":{"approvals":{THEIR NAME:{}}}}}';
	// When it is carried out too early.
	// Then the missing approvals are counted.
	t.is(await lower({}), `denied: 0 of 2 approvals: ${add}`);
	await desk.patch(world.as("ann"), { resetRequest: { approvals: { ann: {} } } });
	t.regex(await lower({}), /not cleared for generation 3/);
	await desk.clear();
	t.is(await lower({}), `denied: 1 of 2 approvals: ${add}`);
	await desk.patch(world.as("bob"), { resetRequest: { approvals: { bob: {} } } });
	await desk.clear();
	// When it is carried out in another way than was asked.
	// Then it is denied.
	t.is(await lower({ reason: "another" }), fits);
	t.regex(await lower({ mode: "Normal" }), /Emergency is not lowered to Normal in one step/);
	t.is(
		await outcome(
			desk.patch(world.as("rob"), { mode: "Pause", reason: "venue is back", setBy: "rob" }, true),
		),
		'denied: remove the used request in the same patch: "resetRequest": null',
	);
	// When it is carried out as asked, by another than its author.
	const done = await desk.patch(world.as("rob"), { ...carryOut, ...(!world.stamps && { setBy: "rob" }) });
	// Then the mode is lowered, the request is gone, and who did it stands there.
	t.like(done.spec, { mode: "Pause", setBy: "rob", reason: "venue is back" });
	t.is(done.spec.resetRequest, undefined);
});

test("a raise or a trip in between voids a request that was approved", async (t) => {
	// Given approved requests.
	for (const between of [
		{ trip: { id: "t2" } },
		{ mode: "Emergency", trip: { id: "t2", type: "Button" } },
		{ trip: null },
	]) {
		const desk = await asked();
		await approve(desk);
		// When somebody presses again before they are carried out, and the leader clears the new generation.
		await desk.patch(world.as("ray"), between);
		await desk.clear();
		// Then they are void, for all but those who override.
		t.is(await outcome(desk.patch(world.as("lea"), { ...carryOut, setBy: "lea" }, true)), fits);
		t.is(await outcome(desk.patch(world.as("ovo"), { ...carryOut, setBy: "ovo" }, true)), "allowed");
	}
	// And a request in Reduce is void in Emergency.
	const desk = await asked({ fromMode: "Reduce" }, { mode: "Reduce" });
	await approve(desk);
	await desk.patch(world.as("ray"), { mode: "Emergency" });
	await desk.clear();
	t.is(await outcome(desk.patch(world.as("lea"), { ...carryOut, setBy: "lea" }, true)), fits);
});

test("unfreezing and targets are part of what is asked", async (t) => {
	// Given a frozen desk in Pause with two raised targets, and a request that names the freeze and one of them.
	const desk = await newDesk(world, {
		mode: "Pause",
		freeze: true,
		targetModes: { bots: "Reduce", strat: "Reduce" },
	});
	const request = {
		fromMode: "Pause",
		toMode: "Pause",
		unfreeze: true,
		targets: ["bots"],
		reason: "checked",
		requestedBy: "lea",
	};
	const signed = { reason: "checked", resetRequest: null, setBy: "lea" };
	const lower = (spec: Sent) => outcome(desk.patch(world.as("lea"), { ...signed, ...spec }, true));
	await desk.patch(world.as("lea"), { resetRequest: { ...request, unfreeze: false } });
	await desk.clear();
	// When something is lowered that the request does not name.
	// Then it is denied.
	t.is(await lower({ freeze: false }), fits);
	t.is(await lower({ targetModes: { strat: "Pause" } }), fits);
	t.is(await lower({ targetModes: { bots: "Pause" } }), "allowed");
	await desk.patch(world.as("lea"), { resetRequest: request });
	await desk.clear();
	t.is(await lower({ freeze: false, targetModes: { bots: null } }), "allowed");
	t.is(await lower({ freeze: false, targetModes: { bots: null, strat: null } }), fits);
	// And a request without toMode leaves the mode where it is.
	await desk.patch(world.as("lea"), { resetRequest: { ...request, toMode: null } });
	await desk.clear();
	t.is(await lower({ freeze: false }), "allowed");
	t.regex(await lower({ freeze: false, mode: "Normal" }), /ending the freeze leaves the mode as it is/);
});

test("a request can be withdrawn by a raise, and a raise leaves it alone otherwise", async (t) => {
	// Given a desk in Pause with a request.
	const desk = await asked({ fromMode: "Pause", toMode: "Normal" }, { mode: "Pause" });
	const raise = (spec: Sent) => outcome(desk.patch(world.as("ray"), { mode: "Emergency", ...spec }, true));
	// When somebody raises with, without and against it.
	// Then only a changed request is in the way.
	const raisesAlone =
		"denied: this patch raises and changes something else: send the raise alone (mode, targetModes, freeze, reason, trip), then the rest";
	t.is(await raise({}), "allowed");
	t.is(await raise({ resetRequest: null }), "allowed");
	t.is(await raise({ resetRequest: { reason: "changed" } }), raisesAlone);
	t.is(await raise({ resetRequest: { approvals: { ray: {} } } }), raisesAlone);
});

test("odd requests are judged, not stumbled over", async (t) => {
	// Given a desk in Emergency.
	const desk = await newDesk(world, { mode: "Emergency" });
	const ask = (resetRequest: unknown) => outcome(desk.patch(world.as("lea"), { resetRequest }, true));
	// When a request is empty, of hostile words, or of the wrong shape.
	// Then each gets an answer of ours or of the schema, and none an evaluation error.
	const authored =
		"denied: a reset request carries its author (requestedBy: lea) and starts without approvals";
	t.is(await ask({}), authored);
	t.is(await ask({ approvals: {} }), authored);
	t.is(await ask({ requestedBy: "lea' || true || '", reason: '\u0000\n"}}%s$(x)' }), authored);
	t.regex(await ask({ requestedBy: "lea", fromMode: "" }), /Unsupported value/);
	t.regex(await ask({ requestedBy: "lea", approvals: [] }), /must be of type object/);
	t.regex(await ask({ requestedBy: "x".repeat(257) }), /Too long/);
	t.is(await ask({ requestedBy: "lea", fromMode: "Emergency" }), "allowed");
	t.is(await ask(null), "allowed");
});
