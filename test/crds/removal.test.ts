import test from "ava";
import { modes } from "../../crds/vocabulary.ts";
import type { Cluster } from "../../dev/cluster/cluster.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { ownCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import { openWorld, type World } from "./cast.ts";
import { type Desk, deskIn, deskObject, deskPath, newDesk, outcome, type Sent } from "./desk.ts";
import { applyPolicies, applyResources } from "./policies.ts";

// One cluster whose policies come late and whose definitions change and go: what is there before them, without
// those that mutate, and after them. The tests build on each other.

const definition =
	"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tradingsafeties.tradingsafety.dev";
const target = { name: "bots", preset: "Bot", selector: { matchLabels: { app: "bot" } } };

let cluster: Cluster;
let world: World;
/** Desks that the policies would have refused. */
let odd: readonly Desk[];

test.before(async () => {
	cluster = await ownCluster();
	await applyResources(cluster);
	world = await openWorld(cluster);
	odd = await Promise.all(
		oddities.map(async (spec, index) => {
			const namespace = `odd-${index}`;
			await world.admin.create("/api/v1/namespaces", { metadata: { name: namespace } });
			await world.admin.create(deskPath(namespace), deskObject(spec));
			return deskIn(world, namespace);
		}),
	);
	await applyPolicies(world, { mutating: false });
});

const oddities: readonly Sent[] = [
	{ mode: "Normal", targets: [target, { ...target, name: "twin" }] },
	{ mode: "Normal", targetModes: { nobody: "Pause" } },
	{ mode: "Normal", setBy: "somebody else", reason: "stale" },
	{
		mode: "Normal",
		trip: { id: "t2" },
		resetRequest: {
			fromMode: "Emergency",
			tripId: "t1",
			requestedBy: "nobody",
			approvals: { me: {}, you: {} },
		},
	},
	{ mode: "Normal", targets: [], reset: {}, resetRequest: {}, trip: {} },
];

/** Raises a desk in each way that is one request, as a person who may only patch. */
async function raises(desk: Desk): Promise<readonly string[]> {
	const client = world.as("ray");
	const said = [
		await outcome(desk.patch(client, { mode: "Emergency" }, true)),
		await outcome(desk.patch(client, { mode: "Emergency", resetRequest: null, trip: { id: "new" } }, true)),
		await outcome(desk.patch(client, { freeze: true }, true)),
	];
	const json = [{ op: "add", path: "/spec/mode", value: "Emergency" }];
	said.push(await outcome(client.patch(desk.path, json, { type: "json", dryRun: true })));
	const apply = { type: "apply", fieldManager: "button", force: true, dryRun: true } as const;
	said.push(await outcome(client.patch(desk.path, deskObject({ mode: "Emergency" }), apply)));
	return said;
}

const allPass = Array.from({ length: 5 }, () => "allowed");

test.serial("a raise gets through whatever stood there before the policies", async (t) => {
	for (const desk of odd) {
		// Given a desk that the policies would have refused.
		// When it is raised in every way.
		// Then every raise passes.
		t.deepEqual(await raises(desk), allPass);
	}
});

test.serial(
	"without mutating policies a person signs a lowering, and nobody signs for another",
	async (t) => {
		// Given a cleared desk in Pause that ray raised, on a cluster that stamps nothing.
		const desk = await newDesk(world, { mode: "Normal" });
		const raised = await desk.patch(world.as("ray"), { mode: "Pause", setBy: "ray", reason: "loss" });
		t.is(raised.spec.setBy, "ray");
		await desk.clear();
		const patch = (spec: Sent) => outcome(desk.patch(world.as("rob"), spec, true));
		const claim =
			"denied: spec.setBy names who moved the mode last: leave it out, or where the patch moves the mode write your own name, rob";
		const sign = "denied: a lowering carries its author: set spec.setBy to rob";
		// When rob lowers and raises with and without a name.
		// Then a lowering carries his, and a raise his, the old one, or none.
		const lower = { mode: "Normal", reason: "checked" };
		t.is(await patch(lower), sign);
		t.is(await patch({ ...lower, setBy: null }), sign);
		// Two policies refuse this one; which of them answers is not said.
		t.true([claim, sign].includes(await patch({ ...lower, setBy: "ann" })));
		t.is(await patch({ ...lower, setBy: "rob" }), "allowed");
		t.is(await patch({ mode: "Emergency" }), "allowed");
		t.is(await patch({ mode: "Emergency", setBy: null }), "allowed");
		t.is(await patch({ mode: "Emergency", setBy: "rob" }), "allowed");
		t.is(await patch({ mode: "Emergency", setBy: "ann" }), claim);
		t.is(await patch({ setBy: "rob" }), claim);
	},
);

test.serial("without mutating policies a stamp milder than the mode is refused", async (t) => {
	// Given a desk in Pause with a target that is kept.
	const desk = await newDesk(world, { mode: "Pause" });
	for (const mode of [...modes, "nonsense", ""]) {
		// When a pod of it comes with a stamp of its own.
		const annotations = { "tradingsafety.dev/mode-at-start": mode };
		const said = await outcome(desk.pod({ app: "gw" }, world.admin, { annotations }));
		// Then only a milder one is refused.
		const denial =
			"denied: the annotation tradingsafety.dev/mode-at-start is milder than the desk's mode: leave it out";
		t.is(said, mode === "Normal" ? denial : "allowed", mode);
	}
});

test.serial("a raise gets through after the schema was tightened around it", async (t) => {
	// Given a desk, and a definition that no longer accepts its targets, trip and reset.
	const desk = await newDesk(world, {
		mode: "Normal",
		trip: { id: "a trip of old", source: "venue" },
		reset: { approvals: 2, cooldownSeconds: 60 },
	});
	const before = await world.admin.get<{ spec: object }>(definition);
	const spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
	await world.admin.patch(
		definition,
		[
			{ op: "replace", path: `${spec}/targets/maxItems`, value: 1 },
			{ op: "replace", path: `${spec}/targets/items/properties/preset/enum`, value: ["Risk"] },
			{ op: "replace", path: `${spec}/targets/items/properties/name/maxLength`, value: 2 },
			{ op: "add", path: `${spec}/targets/items/required/-`, value: "preset" },
			{ op: "replace", path: `${spec}/reset/properties/approvals/maximum`, value: 1 },
			{ op: "replace", path: `${spec}/trip/properties/source/maxLength`, value: 1 },
		],
		{ type: "json" },
	);
	const rename = { targets: [{ ...target, name: "too-long" }] };
	await until("the tightened schema is in force", async () =>
		/Too long/.test(await outcome(desk.patch(world.as("cfg"), rename, true))),
	);
	// When it is raised in every way.
	const said = await raises(desk);
	// Then every raise passes, with a trip of its own too.
	t.deepEqual(said, allPass);
	await world.admin.patch(definition, { spec: before.spec }, { type: "merge" });
	await until("the schema is what it was", async () =>
		/^allowed/.test(await outcome(desk.patch(world.as("cfg"), rename, true))),
	);
});

test.serial("without the definition labelled namespaces do as documented, and others live on", async (t) => {
	// Given halted desks in namespaces of each kind, and a namespace without the label.
	const targets = await newDesk(world, { mode: "Emergency" });
	const strict = await newDesk(world, { mode: "Emergency" }, { enforce: "strict" });
	const observed = await newDesk(world, { mode: "Emergency" }, { enforce: "observe" });
	const free = await newDesk(world, {}, { enforce: undefined, empty: true });
	const gone = (desk: Desk) => outcome(desk.pod({ app: "bot" }));
	t.regex(await gone(targets), /trading is halted/);
	t.regex(await outcome(world.admin.delete(definition)), /without this CRD the fence opens/);
	// When the definition is deleted after the annotation was set.
	const annotations = { "tradingsafety.dev/allow-removal": "true" };
	await world.admin.patch(definition, { metadata: { annotations } }, { type: "merge" });
	await world.admin.delete(definition);
	// Then the fence opens where a missing desk allows, and closes where it does not.
	await until("the fence is open", async () => (await gone(targets)) === "allowed");
	await until("it is closed where it is strict", async () => /no params found/.test(await gone(strict)));
	// When the API server restarts without it.
	await cluster.stopApiServer();
	await cluster.startApiServer();
	// Then every pod in namespaces labelled for the fence is denied, and others live on.
	const failed = /failed to configure (policy|binding)/;
	const denied = async () => {
		const said = await gone(targets);
		if (failed.test(said)) return true;
		throw new Error(said);
	};
	await until("the policies are loaded", denied, { timeoutMilliseconds: 120_000 });
	t.regex(await gone(strict), failed);
	t.is(await gone(observed), "allowed");
	t.is(await gone(free), "allowed");
	// When the definition comes back.
	await applyResources(cluster);
	// Then pods are judged again, the halt is gone with the object, and a new one is in Pause.
	await until("the policies find their parameter", async () => (await gone(targets)) === "allowed", {
		timeoutMilliseconds: 120_000,
	});
	await world.admin.create(deskPath(targets.namespace), deskObject({ targets: [target] }));
	await targets.seen();
	t.regex(await gone(targets), /target bots of desk \S+ starts no pods in Pause/);
});

test.serial("removed in the right order, nothing is denied", async (t) => {
	// Given an enforced namespace with a desk in Emergency.
	const desk = await newDesk(world, { mode: "Emergency" });
	t.regex(await outcome(desk.pod({ app: "bot" })), /trading is halted/);
	// When the bindings are removed first, and the definition after the annotation.
	const bindings = ["delete", "validatingadmissionpolicybindings,validatingadmissionpolicies", "--all"];
	const removed = await kubectl(cluster, bindings);
	t.is(removed.code, 0, removed.stderr);
	await until("the fence is gone", async () => (await outcome(desk.pod({ app: "bot" }))) === "allowed");
	await world.admin.delete(definition);
	// Then pods are created as ever, also after a restart.
	await cluster.stopApiServer();
	await cluster.startApiServer();
	t.is(await outcome(desk.pod({ app: "bot" })), "allowed");
});
