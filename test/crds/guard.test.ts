import test from "ava";
import { enforceLabel } from "../../crds/vocabulary.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { until } from "../support/until.ts";
import { openWorld, type Person, type World } from "./cast.ts";
import { deskPath, newDesk, outcome } from "./desk.ts";

const clear = "needs the verb clear (ClusterRole tradingsafety-leader)";
const override = "needs the verb override (ClusterRole tradingsafety-overrider)";

let world: World;
test.before(async () => {
	world = await openWorld();
});

test("writing status is for those who observe", async (t) => {
	// Given a desk.
	const desk = await newDesk(world);
	for (const person of ["ray", "lea", "ovo"] as const) {
		// When people without that verb write status, though RBAC lets them.
		const said = await outcome(desk.status(world.as(person), { modeInForce: "Normal" }, true));
		// Then they are denied.
		t.is(said, "denied: writing status needs the verb observe (ClusterRole tradingsafety-operator)");
	}
});

test("the operator's account observes and raises, and opens nothing", async (t) => {
	// Given a desk in Emergency whose status holds a target, and the account that the operator runs as.
	const operator = await world.account("tradingsafety-operator");
	const held = { name: "strat", fencedAs: "Pause" as const };
	const desk = await newDesk(
		world,
		{ mode: "Reduce" },
		{
			status: { wasNormal: true, regressed: { generation: 3, at: "then" }, targets: [held, { name: "liq" }] },
		},
	);
	await until(
		"the rights of the account are in force",
		async () => (await outcome(desk.status(operator, { modeInForce: "Reduce" }, true))) === "allowed",
	);
	const status = (value: unknown) => outcome(desk.status(operator, value, true));
	const targets = (...list: readonly object[]) => status({ targets: list });
	// When it writes what was observed, and fences more.
	// Then it may.
	t.is(await targets({ ...held, pods: 3, unconfirmed: ["p"] }, { name: "liq" }), "allowed");
	t.is(await targets({ ...held, fencedAs: "Emergency" }, { name: "liq", fencedAs: "Normal" }), "allowed");
	t.is(await status({ clearance: null }), "allowed");
	// When it releases, clears, allows a start, or forgets.
	// Then it may not.
	const release = `denied: releasing a target (lowering fencedAs) ${clear}`;
	t.is(await targets({ name: "liq" }), release);
	t.is(await targets(held), "allowed");
	t.is(await targets({ name: "strat" }, { name: "liq" }), release);
	t.is(await targets({ name: "strat", fencedAs: "Normal" }), release);
	t.is(await status({ targets: null }), release);
	t.is(await status(null), release);
	t.is(
		await status({ clearance: { generation: 1, toMode: "Normal" } }),
		`denied: giving a clearance ${clear}`,
	);
	t.is(await targets(held, { name: "liq", startAllowed: true }), `denied: allowing a start ${clear}`);
	t.regex(
		await targets(held, { name: "liq", signalled: "Keep" }),
		/denied: taking Signal for more than Stop .* clear/,
	);
	t.is(await status({ wasNormal: false }), `denied: unsaying that the desk was Normal once ${clear}`);
	t.is(await status({ wasNormal: null }), `denied: unsaying that the desk was Normal once ${clear}`);
	const unsaid = `denied: unsaying that history went back ${clear}`;
	t.is(await status({ regressed: null }), unsaid);
	t.is(await status({ regressed: { generation: 2 } }), unsaid);
	t.is(await status({ regressed: { generation: 3, at: "another time" } }), unsaid);
	t.is(await status({ regressed: { generation: null } }), unsaid);
	t.is(await status({ regressed: { generation: 4, at: "later" } }), "allowed");
	// And of spec it may raise, and nothing else.
	const spec = (value: unknown) => outcome(desk.patch(operator, value, true));
	t.is(await spec({ mode: "Emergency" }), "allowed");
	t.is(await spec({ freeze: true }), "allowed");
	t.regex(await spec({ mode: "Pause", reason: "x" }), /lowering needs the verb reset/);
	t.regex(await spec({ targets: [] }), /changing the configuration \(targets\) needs the verb configure/);
	t.regex(await outcome(operator.delete(desk.path)), /cannot delete resource/);
});

test("the leader's account clears, releases and allows, and never touches spec", async (t) => {
	// Given a desk in Emergency whose status holds a target, and the account of the leader.
	const leader = await world.account("tradingsafety-leader");
	const targets = [{ name: "strat", fencedAs: "Emergency" as const }];
	const desk = await newDesk(world, { mode: "Emergency" }, { status: { targets } });
	const status = (value: unknown) => outcome(desk.status(leader, value, true));
	await until(
		"the rights of the account are in force",
		async () => (await status({ modeInForce: "Emergency" })) === "allowed",
	);
	// When it clears, releases and allows a start, it may.
	t.is(await status({ clearance: { generation: 1, toMode: "Pause" } }), "allowed");
	t.is(await status({ targets: [] }), "allowed");
	t.is(await status({ targets: [...targets, { name: "liq", startAllowed: true }] }), "allowed");
	t.is(await status(null), "allowed");
	// When it patches spec, upward or downward, or deletes, it may not.
	for (const spec of [{ mode: "Pause", reason: "x" }, { freeze: true }, { trip: { id: "x" } }]) {
		t.regex(await outcome(desk.patch(leader, spec, true)), /cannot patch resource "tradingsafeties"/);
	}
	t.regex(await outcome(leader.delete(desk.path)), /cannot delete resource/);
});

test("the two accounts have no more verbs than those", async (t) => {
	// Given what the API server's authorizer says to each account.
	const holds = async (name: string) => {
		const client = await world.account(name);
		const allowed: string[] = [];
		for (const verb of [
			"configure",
			"reset",
			"approve",
			"override",
			"observe",
			"clear",
			"create",
			"delete",
		]) {
			const review = await client.create<{ status: { allowed: boolean } }>(
				"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
				{ spec: { resourceAttributes: { group: "tradingsafety.dev", resource: "tradingsafeties", verb } } },
			);
			if (review.status.allowed) allowed.push(verb);
		}
		return allowed;
	};
	// When each verb is asked for.
	// Then the operator observes, and the leader clears as well.
	t.deepEqual(await holds("tradingsafety-operator"), ["observe"]);
	t.deepEqual(await holds("tradingsafety-leader"), ["observe", "clear"]);
});

test("deleting a desk needs configure, while halted override", async (t) => {
	// Given a desk in Normal, and desks that are halted in each way.
	const normal = await newDesk(world, { mode: "Normal" });
	const dry = { dryRun: ["All"] };
	const halted = `denied: deleting a halted desk opens the fence and ${override}`;
	// When people delete them.
	// Then those who configure may in Normal, and only those who override in a halt.
	t.is(await outcome(world.as("cfg").delete(normal.path, dry)), "allowed");
	const lean = await world.withVerbs("dan", []);
	t.is(
		await outcome(lean.delete(normal.path, dry)),
		"denied: deleting the desk needs the verb configure (ClusterRole tradingsafety-configurer)",
	);
	for (const spec of [
		{ mode: "Pause" },
		{ mode: "Normal", freeze: true },
		{ mode: "Normal", targetModes: { bots: "Pause" } },
	]) {
		const desk = await newDesk(world, spec);
		t.is(await outcome(world.as("cfg").delete(desk.path, dry)), halted);
		t.is(await outcome(world.as("ovo").delete(desk.path, dry)), "allowed");
		// And a collection is judged object by object.
		const configurer = await world.withVerbs("cleaner", ["configure"]);
		t.is(await outcome(configurer.delete(deskPath(desk.namespace), dry)), halted);
	}
});

test("a namespace with a halted desk can be deleted", async (t) => {
	// Given a namespace with a desk in Emergency.
	const desk = await newDesk(world, { mode: "Emergency" });
	// When the namespace is deleted.
	await world.admin.delete(`/api/v1/namespaces/${desk.namespace}`);
	// Then the namespace controller takes the desk with it.
	await until(
		"the namespace is gone",
		async () => /not found/.test(await outcome(world.admin.get(`/api/v1/namespaces/${desk.namespace}`))),
		{ timeoutMilliseconds: 60_000 },
	);
	t.pass();
});

test("the label that enforces is changed by override alone, whatever the way", async (t) => {
	// Given an enforced namespace.
	const desk = await newDesk(world);
	const path = `/api/v1/namespaces/${desk.namespace}`;
	const label = (person: Person, value: string | null, sub = "") =>
		outcome(
			world
				.as(person)
				.patch(
					`${path}${sub}`,
					{ metadata: { labels: { [enforceLabel]: value } } },
					{ type: "merge", dryRun: true },
				),
		);
	const denial = `denied: the label ${enforceLabel} holds the fence: changing it ${override}`;
	// When it is taken off or changed, also through the subresources of a namespace.
	// Then only those who override may.
	for (const sub of ["", "/status"]) {
		t.is(await label("cfg", null, sub), denial);
		t.is(await label("ray", "strict", sub), denial);
		t.is(await label("cfg", "observe", sub), denial);
		t.is(await label("ovo", null, sub), "allowed");
	}
	const bare = { apiVersion: "v1", kind: "Namespace", metadata: { name: desk.namespace } };
	const finalized = await kubectl(world.cluster, ["replace", "--raw", `${path}/finalize`, "-f", "-"], {
		input: JSON.stringify(bare),
		kubeconfig: world.kubeconfig("ray"),
	});
	t.true(finalized.stderr.includes(denial.replace("denied: ", "")), finalized.stderr);
	t.is(await label("ray", "targets"), "allowed");
	const other = world.as("ray").patch(path, { metadata: { labels: { a: "b" } } }, { type: "merge" });
	t.is(await outcome(other), "allowed");
});

test("the label that only observes holds no fence: it goes as freely as it comes", async (t) => {
	// Given a namespace that is only observed.
	const desk = await newDesk(world, {}, { enforce: "observe" });
	for (const value of ["targets", "strict", null]) {
		// When somebody who may label namespaces puts the fence on, or takes the label off.
		const labels = { [enforceLabel]: value };
		const said = world
			.as("ray")
			.patch(
				`/api/v1/namespaces/${desk.namespace}`,
				{ metadata: { labels } },
				{ type: "merge", dryRun: true },
			);
		// Then it is allowed.
		t.is(await outcome(said), "allowed");
	}
});

test("the label has three values, and anyone may put it on", async (t) => {
	// Given namespaces without the label.
	const desk = await newDesk(world, {}, { enforce: undefined, empty: true });
	const put = (value: string) =>
		outcome(
			world
				.as("ray")
				.patch(
					`/api/v1/namespaces/${desk.namespace}`,
					{ metadata: { labels: { [enforceLabel]: value } } },
					{ type: "merge", dryRun: true },
				),
		);
	// When it is put on with each value.
	// Then another than these is denied, with both named.
	const denial = `denied: the label ${enforceLabel} is targets, strict or observe`;
	t.is(await put("targets"), "allowed");
	t.is(await put("strict"), "allowed");
	t.is(await put("observe"), "allowed");
	t.is(await put("Targets"), denial);
	t.is(await put(""), denial);
	const made = world
		.as("ray")
		.create(
			"/api/v1/namespaces",
			{ metadata: { name: "odd", labels: { [enforceLabel]: "yes" } } },
			{ dryRun: "All" },
		);
	t.is(await outcome(made), denial);
});

test("the definitions cannot be deleted or switched off", async (t) => {
	// Given the shared cluster's definitions, and its administrator, who holds every verb.
	for (const name of ["tradingsafeties.tradingsafety.dev", "restorerecords.tradingsafety.dev"]) {
		const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
		// When they are deleted or no longer served, without the annotation.
		const deleted = await outcome(world.admin.delete(path, { dryRun: ["All"] }));
		const unserved = await outcome(
			world.admin.patch(path, [{ op: "replace", path: "/spec/versions/0/served", value: false }], {
				type: "json",
				dryRun: true,
			}),
		);
		// Then both are denied with the order that a removal takes.
		const denial =
			/^denied: without this CRD the fence opens, .* first remove the policy bindings, then set the annotation tradingsafety.dev\/allow-removal=true; it needs the verb override/;
		t.regex(deleted, denial);
		t.regex(unserved, denial);
	}
});
