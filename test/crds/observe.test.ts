import test from "ava";
import { bootModeAnnotation, enforceLabel, enforceValues, observeValue } from "../../crds/vocabulary.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { until } from "../support/until.ts";
import { ask } from "./ask.ts";
import { openWorld, type Person, type World } from "./cast.ts";
import {
	type Desk,
	type Labels,
	newDesk,
	outcome,
	ownerObject,
	type Pod,
	podObject,
	podPath,
} from "./desk.ts";

const override = "needs the verb override (ClusterRole tradingsafety-overrider): lower to Normal first";

let world: World;
test.before(async () => {
	world = await openWorld();
});

const apps = (desk: Desk, resource: string) => `/apis/apps/v1/namespaces/${desk.namespace}/${resource}`;
const newPod = (desk: Desk, labels: Labels) =>
	ask<Pod>(world.as("ray"), { method: "POST", path: podPath(desk.namespace), body: podObject(labels) });
const newOwner = (desk: Desk, labels: Labels, replicas: number) =>
	ask(world.as("ray"), {
		method: "POST",
		path: apps(desk, "deployments"),
		body: ownerObject("Deployment", labels, replicas),
	});

/** A pod and a Deployment without replicas, of a target that no mode stops. */
async function populate(desk: Desk): Promise<void> {
	const pod = podObject({ app: "risk" });
	await world.admin.create(podPath(desk.namespace), {
		...pod,
		metadata: { name: "kept", labels: { app: "risk" } },
	});
	const labels = { app: "risk", q: "q" };
	const owner = ownerObject("Deployment", labels, 0) as { spec: object };
	const spec = { ...owner.spec, selector: { matchLabels: { q: "q" } } };
	await world.admin.create(apps(desk, "deployments"), { ...owner, metadata: { name: "kept" }, spec });
}
const leaveTarget = async (desk: Desk) => [
	await ask(world.as("ray"), {
		method: "PATCH",
		path: `${podPath(desk.namespace)}/kept`,
		body: { metadata: { labels: { app: null } } },
	}),
	await ask(world.as("ray"), {
		method: "PATCH",
		path: `${apps(desk, "deployments")}/kept`,
		body: { spec: { template: { metadata: { labels: { app: null } } } } },
	}),
];

test("enforcement is Enforce unless said otherwise, and has two words", async (t) => {
	// Given a desk that says nothing of it.
	const desk = await newDesk(world, { mode: "Normal" });
	t.is((await desk.read()).spec.enforcement, "Enforce");
	// When words are written, then one of two is taken.
	const write = (enforcement: unknown) => outcome(desk.patch(world.as("cfg"), { enforcement }, true));
	t.is(await write("Observe"), "allowed");
	t.is(await write("Enforce"), "allowed");
	t.regex(await write("observe"), /Unsupported value/);
	// And letting go of it is Enforce again.
	await desk.patch(world.as("cfg"), { enforcement: "Observe" });
	await desk.patch(world.as("cfg"), { enforcement: null });
	t.is((await desk.read()).spec.enforcement, "Enforce");
});

for (const enforce of enforceValues) {
	test(`in Observe nothing but the probe is denied in a namespace labelled ${enforce}`, async (t) => {
		// Given a desk in Emergency that only observes.
		const desk = await newDesk(world, { mode: "Emergency", enforcement: "Observe" }, { enforce });
		await populate(desk);
		// When pods and owners of stopped targets and of none are made, and a label is taken off.
		const answers = [
			await newPod(desk, { app: "bot" }),
			await newPod(desk, { app: "other" }),
			await newOwner(desk, { app: "strat" }, 3),
			...(await leaveTarget(desk)),
		];
		// Then all of it passes, without a word, and nothing is stamped.
		t.deepEqual(
			answers.map(({ said, warnings }) => [said, ...warnings]),
			answers.map(() => ["allowed"]),
		);
		t.is((await newPod(desk, { app: "risk" })).object.metadata.annotations?.[bootModeAnnotation], undefined);
		// And the fence still shows that it works.
		t.regex((await newPod(desk, { "tradingsafety.dev/probe": "x" })).said, /^denied: fence probe of desk/);
		// When somebody makes it enforce, then it denies.
		await desk.patch(world.as("cfg"), { enforcement: "Enforce" });
		await desk.seen();
		const denial = /^denied: trading is halted: target bots of desk/;
		t.regex((await newPod(desk, { app: "bot" })).said, denial);
		t.regex((await newOwner(desk, { app: "bot" }, 1)).said, denial);
		for (const { said } of await leaveTarget(desk)) t.regex(said, /^denied: these labels take it out/);
	});
}

for (const enforcement of ["Enforce", "Observe"] as const) {
	test(`a namespace labelled observe warns of what would be denied, in ${enforcement}`, async (t) => {
		// Given a desk in Emergency.
		const desk = await newDesk(world, { mode: "Emergency", enforcement }, { enforce: observeValue });
		await populate(desk);
		// When pods, owners and labels are tried that a fence would deny.
		const tried = [
			await newPod(desk, { app: "bot" }),
			await newOwner(desk, { app: "bot" }, 1),
			...(await leaveTarget(desk)),
		];
		// Then each passes with a warning that says what would be.
		const halted = `would be denied: trading is halted: target bots of desk ${desk.namespace} starts no pods in Emergency`;
		const texts = [halted, halted, "these labels take it out of", "these labels take it out of"];
		for (const [index, { said, warnings }] of tried.entries()) {
			t.is(said, "allowed");
			t.is(warnings.length, 1);
			t.true(warnings[0]?.includes(texts[index] ?? ""), warnings[0]);
		}
		// And what is open passes without a word, and nothing is stamped.
		const open = await newPod(desk, { app: "risk" });
		t.deepEqual([open.said, ...open.warnings], ["allowed"]);
		t.is(open.object.metadata.annotations?.[bootModeAnnotation], undefined);
		t.deepEqual((await newOwner(desk, { app: "bot" }, 0)).warnings, []);
		// And kubectl shows it to whoever types.
		const manifest = JSON.stringify(ownerObject("Deployment", { app: "bot" }, 1));
		const args = ["-n", desk.namespace, "create", "--dry-run=server", "-f", "-"];
		const kubeconfig = world.kubeconfig("ray");
		const shown = await kubectl(world.cluster, args, { input: manifest, kubeconfig });
		t.is(shown.code, 0);
		t.regex(shown.stderr, /^Warning: .*would be denied: trading is halted/m);
	});
}

test("a namespace labelled observe without a desk is left alone", async (t) => {
	// Given no desk.
	const desk = await newDesk(world, {}, { enforce: observeValue, empty: true });
	// When a pod is made, then nothing is said.
	const { said, warnings } = await newPod(desk, { app: "bot" });
	t.deepEqual([said, ...warnings], ["allowed"]);
});

test("the policies that only warn ignore their failures", async (t) => {
	// Given every policy as the API server has it.
	type Named = { readonly metadata: { readonly name: string }; readonly spec: Record<string, unknown> };
	const group = "/apis/admissionregistration.k8s.io/v1";
	const policies = await world.admin.list<Named>(`${group}/validatingadmissionpolicies`);
	const bindings = await world.admin.list<Named>(`${group}/validatingadmissionpolicybindings`);
	const observing = ({ metadata }: Named) => metadata.name.endsWith(`-${observeValue}`);
	// When those for observed namespaces are looked at.
	const warning = policies.items.filter(observing);
	// Then there is one for each that judges pods by the desk, for that label alone, and none can deny.
	const judging = policies.items.filter(
		(policy) => policy.spec.paramKind !== undefined && !observing(policy),
	);
	t.deepEqual(
		warning.map(({ metadata }) => metadata.name),
		judging.map(({ metadata }) => `${metadata.name}-${observeValue}`).sort(),
	);
	for (const { spec } of warning) {
		t.is(spec.failurePolicy, "Ignore");
		t.like(spec.matchConstraints as object, {
			namespaceSelector: {
				matchExpressions: [{ key: enforceLabel, operator: "In", values: [observeValue] }],
			},
		});
	}
	for (const { spec } of bindings.items.filter(observing)) {
		t.deepEqual(spec.validationActions, ["Warn", "Audit"]);
	}
});

test("who switches: configure, in a halt override, and to Enforce configure alone", async (t) => {
	// Given desks that were Normal once, in Normal and in Emergency, of both kinds.
	const make = (mode: string, enforcement: string) =>
		newDesk(world, { mode, enforcement, reason: "before" }, { status: { wasNormal: true } });
	const normal = await make("Normal", "Enforce");
	const halted = await make("Emergency", "Enforce");
	const rehearsal = await make("Emergency", "Observe");
	const write = (desk: Desk, person: Person, spec: object) =>
		outcome(desk.patch(world.as(person), spec, true));
	// When people switch.
	// Then who takes the fence of a halt away needs override, and who closes it needs configure.
	const configure =
		"denied: changing the configuration (enforcement) needs the verb configure (ClusterRole tradingsafety-configurer)";
	for (const [desk, enforcement] of [
		[normal, "Observe"],
		[halted, "Observe"],
		[rehearsal, "Enforce"],
	] as const) {
		t.is(await write(desk, "ray", { enforcement }), configure);
		t.is(await write(desk, "rob", { enforcement }), configure);
	}
	t.is(await write(normal, "cfg", { enforcement: "Observe" }), "allowed");
	t.is(
		await write(halted, "cfg", { enforcement: "Observe" }),
		`denied: while halted, changing the configuration (enforcement) ${override}`,
	);
	t.is(await write(halted, "ovo", { enforcement: "Observe" }), "allowed");
	t.is(await write(rehearsal, "cfg", { enforcement: "Enforce" }), "allowed");
	t.regex(await write(rehearsal, "cfg", { enforcement: "Enforce", targets: [] }), /while halted, changing/);
	// And a raise is sent alone, and passes alone in both.
	t.regex(
		await write(normal, "ovo", { mode: "Pause", enforcement: "Observe" }),
		/^denied: this patch raises/,
	);
	t.is(await write(rehearsal, "ray", { freeze: true, trip: { id: "x" } }), "allowed");
	// And where a policy stamps, it is stamped with who did it, without the reason of what was before.
	const { spec } = await normal.patch(world.as("cfg"), { enforcement: "Observe" });
	t.like(spec, { enforcement: "Observe", ...(world.stamps && { setBy: "cfg", reason: "" }) });
	const told = await normal.patch(world.as("lea"), { enforcement: "Enforce", reason: "rehearsed" });
	t.like(told.spec, { enforcement: "Enforce", reason: "rehearsed", ...(world.stamps && { setBy: "lea" }) });
});

test("the switch is seen by the fence as any other change", async (t) => {
	// Given a desk in Emergency that enforces, in a namespace labelled targets.
	const desk = await newDesk(world, { mode: "Emergency" });
	for (const [enforcement, said] of [
		["Observe", "allowed"],
		["Enforce", "denied"],
		["Observe", "allowed"],
	] as const) {
		// When it is switched, then pods are judged so soon after.
		await desk.patch(world.as("ovo"), { enforcement });
		await until(`a pod is ${said}`, async () => (await newPod(desk, { app: "bot" })).said.startsWith(said));
	}
	t.pass();
});
