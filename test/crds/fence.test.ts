import test from "ava";
import { type Column, columns } from "../../crds/vocabulary.ts";
import { until } from "../support/until.ts";
import { openWorld, type World } from "./cast.ts";
import { type Desk, type Labels, newDesk, outcome, ownerObject, podPath } from "./desk.ts";

let world: World;
test.before(async () => {
	world = await openWorld();
});

const apps = (desk: Desk, resource: string) => `/apis/apps/v1/namespaces/${desk.namespace}/${resource}`;
const inMode = (column: Column) => (column === "Freeze" ? { mode: "Pause", freeze: true } : { mode: column });

/** Which pods are admitted in which column, written out. Signal counts as Stop until there are permits. */
const admitted: Readonly<Record<string, readonly Column[]>> = {
	bot: ["Normal"],
	strat: ["Normal"],
	gw: ["Normal", "Pause", "Reduce"],
	risk: ["Normal", "Pause", "Reduce", "Emergency", "Freeze"],
	liq: [],
	other: ["Normal", "Pause", "Reduce", "Emergency", "Freeze"],
};
const nameOf: Readonly<Record<string, string>> = { bot: "bots", strat: "strat", gw: "gw", liq: "liq" };

for (const column of columns) {
	test(`new pods in ${column}, by preset`, async (t) => {
		// Given a desk in that mode with a reason.
		const desk = await newDesk(world, { ...inMode(column), reason: "venue is down" });
		const { metadata } = await desk.read();
		for (const [app, open] of Object.entries(admitted)) {
			// When a pod of each target is created.
			const said = await outcome(desk.pod({ app }, world.as("ray")));
			// Then it is admitted as the table says, or the person hears which target, mode, generation and reason.
			const halted = column === "Normal" ? "" : "trading is halted: ";
			const denial = `denied: ${halted}target ${nameOf[app]} of desk ${desk.namespace} starts no pods in ${column}, generation ${metadata.generation}: venue is down`;
			t.is(said, open.includes(column) ? "allowed" : denial);
		}
	});
}

test("expressions, overrides and several targets at once", async (t) => {
	// Given a desk in Pause with a target by expressions that keeps its pods in Pause.
	const desk = await newDesk(world, { mode: "Pause" });
	const judge = async (labels: Labels) => (await outcome(desk.pod(labels))).replace(/ of desk.*/s, "");
	// When pods match it, match it not, and match another as well.
	// Then its own action holds for the first, nothing for the second, and the more severe for the third.
	t.is(await judge({ tier: "a" }), "allowed");
	t.is(await judge({ tier: "a", app: "strat" }), "denied: trading is halted: target strat");
	const emergency = await newDesk(world, { mode: "Emergency" });
	const judged = async (labels: Labels) => (await outcome(emergency.pod(labels))).replace(/ of desk.*/s, "");
	t.is(await judged({ tier: "b" }), "denied: trading is halted: target expr");
	t.is(await judged({ tier: "b", canary: "x" }), "allowed");
	t.is(await judged({ tier: "c" }), "allowed");
});

test("a target can be halted alone", async (t) => {
	// Given a desk in Normal.
	const desk = await newDesk(world, { mode: "Normal" });
	t.is(await outcome(desk.pod({ app: "bot" })), "allowed");
	// When one target is raised.
	await desk.patch(world.as("ray"), { targetModes: { bots: "Emergency" } });
	await desk.seen();
	// Then that one is fenced and the others are not.
	t.regex(await outcome(desk.pod({ app: "bot" })), /target bots of desk \S+ starts no pods in Emergency/);
	t.is(await outcome(desk.pod({ app: "strat" })), "allowed");
});

test("a lowered desk opens target by target", async (t) => {
	// Given a desk in Normal whose status still holds a target.
	const held = { targets: [{ name: "strat", fencedAs: "Emergency" as const }] };
	const desk = await newDesk(world, { mode: "Normal" }, { status: held });
	await until("the fence has seen the status", async () =>
		(await outcome(desk.pod({ app: "strat" }))).startsWith("denied"),
	);
	// When pods of it are created.
	// Then they are denied until it is released, and those of others are not.
	const denial = `denied: trading is halted: target strat of desk ${desk.namespace} starts no pods in Normal and is not released from Emergency, generation 1`;
	t.is(await outcome(desk.pod({ app: "strat" })), denial);
	t.is(await outcome(desk.pod({ app: "bot" })), "allowed");
	await desk.status(world.admin, { targets: [] });
	await until("the release is seen", async () => (await outcome(desk.pod({ app: "strat" }))) === "allowed");
});

test("the liquidator starts when the leader allows it, and never in a freeze", async (t) => {
	// Given a desk in Reduce.
	const desk = await newDesk(world, { mode: "Reduce" });
	t.regex(await outcome(desk.pod({ app: "liq" })), /target liq of desk \S+ starts no pods in Reduce/);
	// When the leader allows the start.
	await desk.status(world.admin, { targets: [{ name: "liq", startAllowed: true }] });
	// Then its pods are admitted, until the freeze.
	await until("the start is allowed", async () => (await outcome(desk.pod({ app: "liq" }))) === "allowed");
	await desk.patch(world.as("ray"), { freeze: true });
	await desk.seen();
	t.regex(await outcome(desk.pod({ app: "liq" })), /target liq of desk \S+ starts no pods in Freeze/);
});

test("probes are always denied and name the version that denied", async (t) => {
	// Given a desk in Normal, and a namespace without one.
	const desk = await newDesk(world, { mode: "Normal" });
	const empty = await newDesk(world, {}, { empty: true });
	const { metadata } = await desk.read();
	// When a probe is created in each.
	// Then the desk's fence names generation, uid and its set of policies; without a desk nothing is fenced.
	const probe = { "tradingsafety.dev/probe": "" };
	const version = `${desk.namespace} at generation 1, uid ${metadata.uid}`;
	const denial = `denied: fence probe of desk ${version}${world.stamps ? "" : ", not stamped"}`;
	t.is(await outcome(desk.pod(probe)), denial);
	t.is(await outcome(empty.pod(probe)), "allowed");
});

test("a strict namespace admits what a target selects, and nothing without a desk", async (t) => {
	// Given a strict namespace with a desk in Normal, and one without a desk.
	const desk = await newDesk(world, { mode: "Normal" }, { enforce: "strict" });
	const empty = await newDesk(world, {}, { enforce: "strict", empty: true });
	// When pods are created.
	// Then those of targets are admitted, others denied with the remedy, and all without a desk.
	t.is(await outcome(desk.pod({ app: "bot" })), "allowed");
	t.is(
		await outcome(desk.pod({ app: "other" })),
		"denied: this namespace is strict and no target of its TradingSafety selects this pod: add it to a target",
	);
	t.regex(await outcome(empty.pod({ app: "bot" })), /no params found for policy binding/);
});

test("a namespace without the label is left alone", async (t) => {
	// Given a namespace without the label whose desk is in Emergency and frozen.
	const desk = await newDesk(world, {}, { enforce: undefined, empty: true });
	await world.admin.create(desk.path.replace(/\/desk$/, ""), {
		apiVersion: "tradingsafety.dev/v1alpha1",
		kind: "TradingSafety",
		metadata: { name: "desk" },
		spec: {
			mode: "Emergency",
			freeze: true,
			targets: [{ name: "all", preset: "Bot", selector: { matchLabels: { app: "bot" } } }],
		},
	});
	// When pods and probes are created, and workloads grow.
	// Then nothing is denied and nothing is stamped.
	const pod = await desk.pod({ app: "bot" });
	t.is(pod.metadata.annotations?.["tradingsafety.dev/mode-at-start"], undefined);
	t.is(await outcome(desk.pod({ "tradingsafety.dev/probe": "x" })), "allowed");
	const created = world.admin.create(apps(desk, "deployments"), ownerObject("Deployment", { app: "bot" }, 2));
	t.is(await outcome(created), "allowed");
});

test("odd pods are judged, not stumbled over", async (t) => {
	// Given a desk in Emergency.
	const desk = await newDesk(world, { mode: "Emergency" });
	const create = (metadata: object) =>
		outcome(
			world.admin.create(
				podPath(desk.namespace),
				{
					apiVersion: "v1",
					kind: "Pod",
					metadata: { name: "p", ...metadata },
					spec: { containers: [{ name: "c", image: "none" }] },
				},
				{ dryRun: "All" },
			),
		);
	// When pods come without labels, with none, with null, with odd names, with as many as they like.
	// Then each is judged by its labels.
	t.is(await create({}), "allowed");
	t.is(await create({ labels: {} }), "allowed");
	t.is(await create({ labels: null, annotations: null }), "allowed");
	t.is(await create({ labels: { constructor: "app", "a.b/c": "" } }), "allowed");
	t.regex(await create({ labels: { app: "bot", constructor: "x" } }), /^denied: .*target bots/);
	const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`label-${i}`, `value-${i}`]));
	t.regex(await create({ labels: { ...many, app: "bot" } }), /^denied: .*target bots/);
	t.is(await create({ labels: many }), "allowed");
});

test("each new pod of a target is told the mode or nothing, whatever it claims", async (t) => {
	// Given a desk in Pause.
	const desk = await newDesk(world, { mode: "Pause" });
	const variable = { name: "TRADINGSAFETY_MODE", value: "Pause" };
	const fieldRef = { valueFrom: { fieldRef: { fieldPath: "metadata.name" } } };
	const env = [
		{ name: "A", value: "1" },
		{ name: "TRADINGSAFETY_MODE", ...fieldRef },
	];
	// When a pod that is kept in Pause is created with a milder claim.
	const claim = { "tradingsafety.dev/mode-at-start": "Normal", other: "stays" };
	const initContainers = [{ name: "i", image: "none" }];
	const create = (annotations: Labels) =>
		desk.pod({ app: "gw" }, world.as("ray"), { annotations, env, initContainers });
	if (world.stamps) {
		// Then annotation and variable say Pause, in init containers too, and the rest is as it was.
		const pod = await create(claim);
		t.like(pod.metadata.annotations, { "tradingsafety.dev/mode-at-start": "Pause", other: "stays" });
		t.deepEqual(pod.spec.containers[0]?.env, [{ name: "A", value: "1" }, variable]);
		t.deepEqual(pod.spec.initContainers?.[0]?.env, [variable]);
	} else {
		// Then it is denied, and without the claim nobody tells it anything.
		t.regex(await outcome(create(claim)), /mode-at-start is milder than the desk's mode: leave it out$/);
		const pod = await create({ other: "stays" });
		t.deepEqual(pod.metadata.annotations, { other: "stays" });
		t.is(pod.spec.initContainers?.[0]?.env, undefined);
	}
	// And a pod of no target is told nothing.
	const other = await desk.pod({ app: "other" });
	t.is(other.metadata.annotations?.["tradingsafety.dev/mode-at-start"], undefined);
});

for (const kind of ["Deployment", "StatefulSet"] as const) {
	test(`a ${kind} of a halted target does not grow`, async (t) => {
		// Given owners at zero in Emergency, of a halted target and of one that is kept.
		const desk = await newDesk(world, { mode: "Emergency" });
		const path = apps(desk, `${kind.toLowerCase()}s`);
		const denial = /^denied: trading is halted: target strat of desk/;
		t.regex(await outcome(world.admin.create(path, ownerObject(kind, { app: "strat" }, 1))), denial);
		const kept = world.admin.create(path, ownerObject(kind, { app: "risk" }, 2), { dryRun: "All" });
		t.is(await outcome(kept), "allowed");
		await world.admin.create(path, ownerObject(kind, { app: "strat" }, 0));
		const patch = (body: object, sub = "") =>
			outcome(world.as("ray").patch(`${path}/owner${sub}`, body, { type: "merge" }));
		// When somebody scales them, by the object and by /scale, and changes something else.
		// Then growth is denied, by both ways, and all else passes.
		t.regex(await patch({ spec: { replicas: 2 } }), denial);
		t.regex(await patch({ spec: { replicas: null } }), denial);
		await until("its controller has written the selector into status", async () =>
			denial.test(await patch({ spec: { replicas: 2 } }, "/scale")),
		);
		t.is(await patch({ metadata: { annotations: { a: "b" } } }), "allowed");
		t.is(await patch({ spec: { replicas: 0 } }), "allowed");
		await desk.patch(world.admin, { mode: "Pause", reason: "test", setBy: "admin" });
		await desk.seen();
		t.regex(await patch({ spec: { replicas: 2 } }), denial);
		await desk.patch(world.admin, { mode: "Normal", reason: "test over", setBy: "admin" });
		await desk.seen();
		t.is(await patch({ spec: { replicas: 2 } }, "/scale"), "allowed");
	});
}

test("a pod or template cannot leave its target", async (t) => {
	// Given a pod and a Deployment of a target that is kept, in Emergency.
	const desk = await newDesk(world, { mode: "Emergency" });
	await world.admin.create(podPath(desk.namespace), {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "p", labels: { app: "risk" } },
		spec: { containers: [{ name: "c", image: "none" }] },
	});
	const labels = { app: "risk", q: "q" };
	const owner = ownerObject("Deployment", labels, 0) as { spec: { selector: object } };
	await world.admin.create(apps(desk, "deployments"), {
		...owner,
		spec: { ...owner.spec, selector: { matchLabels: { q: "q" } } },
	});
	const pod = (value: object) =>
		outcome(
			world
				.as("ray")
				.patch(`${podPath(desk.namespace)}/p`, { metadata: { labels: value } }, { type: "merge" }),
		);
	const template = (value: object) =>
		outcome(
			world
				.as("ray")
				.patch(
					`${apps(desk, "deployments")}/owner`,
					{ spec: { template: { metadata: { labels: value } } } },
					{ type: "merge" },
				),
		);
	// When the label that selects them is taken off or changed, and when another is added.
	// Then only the former is denied, with what to do instead.
	const denial = `denied: these labels take it out of target risk of desk ${desk.namespace}: change the selector of the target first`;
	t.is(await pod({ app: null }), denial);
	t.is(await pod({ app: "other" }), denial);
	t.is(await pod({ x: "y" }), "allowed");
	t.is(await template({ app: null }), denial);
	t.is(await template({ x: "y" }), "allowed");
});
