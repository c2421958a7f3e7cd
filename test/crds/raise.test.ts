import test from "ava";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { openWorld, type Person, type World } from "./cast.ts";
import { type Desk, deskObject, everyPreset, newDesk, outcome, type Sent } from "./desk.ts";

const alone =
	"denied: this patch raises and changes something else: send the raise alone (mode, targetModes, freeze, reason, trip), then the rest";
const claim = (user: string) =>
	`denied: spec.setBy names who moved the mode last: leave it out, or where the patch moves the mode write your own name, ${user}`;
const configure = (what: string) =>
	`denied: changing the configuration (${what}) needs the verb configure (ClusterRole tradingsafety-configurer)`;

let world: World;
test.before(async () => {
	world = await openWorld();
	// The editor of `kubectl edit`.
	process.env.KUBE_EDITOR = "sed -i 's/mode: Normal/mode: Emergency/'";
});

/** Runs kubectl on a desk as a person and returns what it says. */
async function run(desk: Desk, person: Person, args: readonly string[], input = ""): Promise<string> {
	const kubeconfig = world.kubeconfig(person);
	const result = await kubectl(world.cluster, ["-n", desk.namespace, ...args], { kubeconfig, input });
	return result.code === 0 ? "allowed" : result.stderr.replace(/^.* denied request: /s, "denied: ").trim();
}

test("the longest user names raise like any other, and lower by as much of them as is kept", async (t) => {
	// Given a desk in Normal, and somebody whose name is longer than what setBy can hold
	const desk = await newDesk(world, { mode: "Normal" });
	const name = `spiffe://${"x".repeat(291)}`;
	const them = await world.withVerbs(name, ["reset", "override"]);
	// When they raise it without a word, then it is raised
	const { spec } = await desk.patch(them, { mode: "Pause" });
	t.is(spec.mode, "Pause");
	if (world.stamps) t.is(spec.setBy, name.slice(0, 256));
	// When they lower it, then it is theirs
	const lowered = await desk.patch(them, { mode: "Normal", reason: "checked", setBy: name.slice(0, 256) });
	t.like(lowered.spec, { mode: "Normal", setBy: name.slice(0, 256) });
});

const manifest = (spec: Sent = {}) => JSON.stringify(deskObject({ targets: everyPreset, ...spec }));

test("a raise names its author or nobody, whatever it claims", async (t) => {
	// Given a desk in Normal with a reason.
	const desk = await newDesk(world, { mode: "Normal", reason: "venue is back" });
	// When somebody raises it without a word, and another raises it further in somebody else's name.
	const { spec } = await desk.patch(world.as("ray"), { mode: "Pause" });
	const said = await outcome(desk.patch(world.as("ann"), { mode: "Reduce", reason: "loss", setBy: "bob" }));
	const after = (await desk.read()).spec;
	if (world.stamps) {
		// Then the old reason is gone, and who raised stands there.
		t.like(spec, { mode: "Pause", setBy: "ray", reason: "" });
		t.is(said, "allowed");
		t.like(after, { mode: "Reduce", setBy: "ann", reason: "loss" });
	} else {
		// Then nobody stands there, the old reason does, and the claim is refused; their own name is not.
		t.like(spec, { mode: "Pause", reason: "venue is back" });
		t.is(said, claim("ann"));
		t.deepEqual(after, spec);
		const own = { mode: "Reduce", reason: "loss", setBy: "ann" };
		t.like((await desk.patch(world.as("ann"), own)).spec, own);
	}
});

test("who moves nothing cannot say who moved the mode", async (t) => {
	// Given a desk that ray raised, signed.
	const desk = await newDesk(world, { mode: "Normal" });
	await desk.patch(world.as("ray"), { mode: "Pause", setBy: "ray" });
	for (const setBy of ["ann", "eve", null, ""]) {
		// When another writes a name there, or takes it away.
		const said = await outcome(desk.patch(world.as("ann"), { setBy }, true));
		if (world.stamps) {
			// Then it still says ray.
			t.is((await desk.patch(world.as("ann"), { setBy })).spec.setBy, "ray");
		} else {
			// Then it says ray or nobody.
			t.is(said, setBy ? claim("ann") : "allowed");
		}
	}
});

test("a press in the same mode moves the generation", async (t) => {
	// Given a desk in Emergency by trip t1.
	const desk = await newDesk(world, { mode: "Emergency", trip: { id: "t1" } });
	const before = await desk.read();
	// When somebody presses again.
	const after = await desk.patch(world.as("ray"), {
		mode: "Emergency",
		trip: { id: "t2", source: "button" },
	});
	// Then it is another generation, where policies stamp in the name of who pressed.
	t.is(after.metadata.generation, (before.metadata.generation ?? 0) + 1);
	t.like(after.spec, { trip: { id: "t2", source: "button" }, ...(world.stamps && { setBy: "ray" }) });
});

test("a raise is sent alone", async (t) => {
	// Given a desk in Pause that is frozen, with one target raised.
	const desk = await newDesk(world, { mode: "Pause", freeze: true, targetModes: { bots: "Reduce" } });
	for (const more of [
		{ targets: [] },
		{ reset: { approvals: 0 } },
		{ freeze: false },
		{ targetModes: { bots: null } },
		{ resetRequest: { fromMode: "Pause", requestedBy: "ovo" } },
	]) {
		// When somebody with every right raises and does something else in the same patch.
		const said = await outcome(desk.patch(world.as("ovo"), { mode: "Emergency", ...more }, true));
		// Then the answer says to send the raise alone.
		t.is(said, alone);
	}
	// And what raises, together, is alone.
	const all = { mode: "Emergency", freeze: true, targetModes: { strat: "Emergency" }, trip: { id: "x" } };
	t.is(await outcome(desk.patch(world.as("ray"), { ...all, reason: "all" }, true)), "allowed");
});

test("every way to write raises", async (t) => {
	// Given desks in Normal with a request that is stale, and a person who may only patch.
	const spec = { mode: "Normal" };
	const name = (mode: string) => JSON.stringify(deskObject({ mode }));
	const ways: readonly (readonly [string, (desk: Desk) => Promise<string>])[] = [
		[
			"merge patch",
			(d) => run(d, "ray", ["patch", "tsafe", "desk", "--type=merge", "-p", '{"spec":{"mode":"Emergency"}}']),
		],
		[
			"JSON patch",
			(d) =>
				run(d, "ray", [
					"patch",
					"tsafe",
					"desk",
					"--type=json",
					"-p",
					'[{"op":"replace","path":"/spec/mode","value":"Emergency"}]',
				]),
		],
		[
			"server-side apply",
			(d) =>
				run(
					d,
					"ray",
					["apply", "--server-side", "--force-conflicts", "--field-manager=button", "-f", "-"],
					name("Emergency"),
				),
		],
		["edit", (d) => run(d, "ray", ["edit", "tsafe", "desk"])],
		[
			"replace",
			async (d) =>
				run(
					d,
					"ovo",
					["replace", "-f", "-"],
					JSON.stringify({ ...(await d.read()), spec: { ...(await d.read()).spec, mode: "Emergency" } }),
				),
		],
	];
	for (const [way, write] of ways) {
		const desk = await newDesk(world, spec);
		await desk.patch(world.as("lea"), { resetRequest: { fromMode: "Normal", requestedBy: "lea" } });
		// When it is raised in each way.
		const said = await write(desk);
		// Then it is in Emergency.
		t.is(said, "allowed", way);
		t.is((await desk.read()).spec.mode, "Emergency", way);
	}
});

test("applying a manifest without mode keeps the modes", async (t) => {
	// Given an applied desk that is Normal, with one target raised.
	const desk = await newDesk(world, {}, { empty: true });
	t.is(await run(desk, "ovo", ["apply", "-f", "-"], manifest()), "allowed");
	await desk.patch(world.as("ovo"), { mode: "Normal", reason: "start", setBy: "ovo" });
	await desk.patch(world.as("ray"), { targetModes: { bots: "Reduce" } });
	// When its manifest is applied again, as it is and with a change.
	const same = await run(desk, "cfg", ["apply", "-f", "-"], manifest());
	const { spec } = await desk.read();
	const changed = await run(desk, "cfg", ["apply", "-f", "-"], manifest({ reset: { approvals: 1 } }));
	// Then the modes stay, and the change is one of a halted desk, for one target is.
	t.is(same, "allowed");
	t.like(spec, { mode: "Normal", targetModes: { bots: "Reduce" } });
	t.is(
		changed,
		"denied: while halted, changing the configuration (reset) needs the verb override (ClusterRole tradingsafety-overrider): lower to Normal first",
	);
});

test("letting go of the mode falls back to Pause: a halt in Normal, a lowering in Emergency", async (t) => {
	// Given two desks whose mode was set by server-side apply, one in Normal and one in Emergency.
	const apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=button", "-f", "-"];
	const normal = await newDesk(world, { mode: "Pause" });
	await normal.clear();
	const lower = { mode: "Normal", reason: "checked", setBy: "rob" };
	t.is(await run(normal, "rob", apply, JSON.stringify(deskObject(lower))), "allowed");
	const emergency = await newDesk(world, { mode: "Normal" });
	t.is(await run(emergency, "ray", apply, JSON.stringify(deskObject({ mode: "Emergency" }))), "allowed");
	// When the same manager applies without a mode, and others replace the whole object by a manifest.
	// Then the one is halted and the other is not lowered.
	const lowering = "denied: lowering needs the verb reset (ClusterRole tradingsafety-resetter)";
	t.is(await run(normal, "ray", apply, JSON.stringify(deskObject({ reason: "oops" }))), "allowed");
	t.is((await normal.read()).spec.mode, "Pause");
	t.is(await run(emergency, "ray", apply, JSON.stringify(deskObject({ reason: "oops" }))), lowering);
	t.is(await run(emergency, "cfg", ["replace", "-f", "-"], manifest()), lowering);
	t.is((await emergency.read()).spec.mode, "Emergency");
});

test("spec taken away, emptied or replaced by oddities lowers nothing", async (t) => {
	// Given a desk in Emergency.
	const desk = await newDesk(world, { mode: "Emergency" });
	for (const spec of [null, { mode: null, targets: null }]) {
		// When a person who may only patch sends it.
		const said = await outcome(desk.patch(world.as("ray"), spec, true));
		// Then it is denied.
		t.regex(said, /^denied: (a lowering changes nothing else|changing the configuration)/);
	}
	t.regex(await outcome(desk.patch(world.as("ray"), { mode: null }, true)), /needs the verb reset/);
	t.regex(await outcome(desk.patch(world.as("ray"), { mode: "" }, true)), /Unsupported value/);
	const remove = [{ op: "remove", path: "/spec" }];
	t.regex(
		await outcome(world.as("ray").patch(desk.path, remove, { type: "json", dryRun: true })),
		/^denied: /,
	);
});

test("configuration needs configure, in a halt override, and neither while a desk is set up", async (t) => {
	// Given desks in each state.
	const fresh = await newDesk(world, { mode: "Pause" });
	const normal = await newDesk(world, { mode: "Normal" });
	const paused = await newDesk(world, { mode: "Pause" }, { status: { wasNormal: true } });
	const frozen = await newDesk(world, { mode: "Pause", freeze: true });
	const raised = await newDesk(world, { mode: "Pause", targetModes: { bots: "Emergency" } });
	const change = (desk: Desk, person: Person, spec: Sent = { targets: [], reset: {} }) =>
		outcome(desk.patch(world.as(person), spec, true));
	const halted =
		"denied: while halted, changing the configuration (reset) needs the verb override (ClusterRole tradingsafety-overrider): lower to Normal first";
	// When people change the configuration.
	// Then they hear which fields they changed and which right they lack.
	t.is(await change(normal, "ray", { reset: {} }), configure("reset"));
	t.regex(await change(normal, "rob"), /changing the configuration \((targets, reset|reset, targets)\)/);
	t.is(await change(normal, "cfg"), "allowed");
	t.is(await change(fresh, "cfg"), "allowed");
	t.is(await change(fresh, "ray", { reset: {} }), configure("reset"));
	for (const desk of [paused, frozen, raised]) {
		t.is(await change(desk, "cfg", { reset: {} }), halted);
		t.is(await change(desk, "ovo", { reset: {} }), "allowed");
	}
	// And a twin of a selector is refused to all.
	const twin = { ...everyPreset[0], name: "twin" };
	t.is(
		await change(normal, "ovo", { targets: [...everyPreset, twin] }),
		"denied: two targets have the same selector: bots and twin",
	);
});

test("creation: one desk, in Pause, without a request, away from the operator", async (t) => {
	// Given namespaces without a desk.
	const desk = await newDesk(world, {}, { empty: true });
	const path = desk.path.replace(/\/desk$/, "");
	const create = (person: Person, spec: Sent, name = "desk", where = path) =>
		outcome(world.as(person).create(where, deskObject(spec, name), { dryRun: "All" }));
	const milder =
		"denied: create it in Pause (leave mode out) and lower it afterwards: creation in Normal is a reset without clearance and needs the verb override (ClusterRole tradingsafety-overrider)";
	// When desks are created.
	// Then each error is told with its remedy.
	t.regex(await create("ray", {}), /cannot create resource/);
	t.is(await create("cfg", {}), "allowed");
	t.is(await create("cfg", { mode: "Emergency", freeze: true }), "allowed");
	t.is(await create("cfg", { mode: "Normal" }), milder);
	t.is(await create("ovo", { mode: "Normal" }), "allowed");
	const name = "denied: a namespace has one TradingSafety and it is called desk: set metadata.name to desk";
	t.is(await create("ovo", {}, "other"), name);
	t.is(
		await create("ovo", { resetRequest: {} }),
		"denied: a reset request cannot be created with the object: create it without, then ask",
	);
	t.is(
		await create("ovo", {}, "desk", path.replace(desk.namespace, "tradingsafety-system")),
		"denied: this namespace holds the operator, whose own pods a target could select: give the desk a namespace of its own",
	);
	const created = await world.as("cfg").create<{ spec: object; status?: object }>(path, {
		...deskObject({ setBy: world.stamps ? "somebody" : "cfg" }),
		status: { wasNormal: true, clearance: { generation: 1, toMode: "Normal" } },
	});
	t.like(created.spec, { mode: "Pause", freeze: false, setBy: "cfg" });
	t.is(created.status, undefined);
});
