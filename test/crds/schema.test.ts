import test from "ava";
import { customResourceDefinitions } from "../../crds/definitions.ts";
import { freeFields, specSchema } from "../../crds/spec.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { openWorld, type World } from "./cast.ts";
import { deskObject, deskPath, everyPreset, newDesk, outcome, type Sent } from "./desk.ts";

type Schema = { readonly [key: string]: unknown };
type Definition = {
	readonly metadata: { readonly name: string };
	readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
};

let world: World;
let namespace: string;
test.before(async () => {
	world = await openWorld();
	namespace = (await newDesk(world, {}, { empty: true })).namespace;
});

const target = { name: "bots", preset: "Bot", selector: { matchLabels: { app: "bot" } } };
const create = (spec: unknown, validation = "Warn") =>
	outcome(
		world.as("ovo").create(deskPath(namespace), deskObject(spec), {
			dryRun: "All",
			fieldValidation: validation,
		}),
	);
const withTarget = (more: Sent) => create({ targets: [{ ...target, ...more }] });

test("every field has a description", (t) => {
	// Given the schemas of both definitions.
	const bare: string[] = [];
	const walk = (schema: Schema, path: string) => {
		const { description, properties, items, additionalProperties } = schema;
		if (typeof description !== "string" || description.length < 5) bare.push(path);
		for (const [name, child] of Object.entries((properties ?? {}) as Record<string, Schema>)) {
			walk(child, `${path}.${name}`);
		}
		if (items !== undefined) walk(items as Schema, `${path}[]`);
		if (additionalProperties !== undefined) walk(additionalProperties as Schema, `${path}{}`);
	};
	// When every field of them is visited.
	for (const { metadata, spec } of customResourceDefinitions() as unknown as readonly Definition[]) {
		for (const version of spec.versions) walk(version.schema.openAPIV3Schema, metadata.name);
	}
	// Then each but metadata, which is not ours to describe, says what it is.
	t.deepEqual(bare, [
		"tradingsafeties.tradingsafety.dev.metadata",
		"restorerecords.tradingsafety.dev.metadata",
	]);
});

test("bad input is refused, and told", async (t) => {
	// Given what people mistype.
	const cases: readonly (readonly [string, unknown, RegExp])[] = [
		[
			"unknown mode",
			{ mode: "Panic" },
			/spec\.mode: Unsupported value: "Panic": supported values: "Normal", "Pause"/,
		],
		["mode in lower case", { mode: "pause" }, /Unsupported value: "pause"/],
		[
			"mode of a target",
			{ targets: [target], targetModes: { bots: "Off" } },
			/spec\.targetModes\.bots: Unsupported value/,
		],
		[
			"no target of that name",
			{ targets: [target], targetModes: { bot: "Pause" } },
			/^denied: targetModes names no target: bot$/,
		],
		[
			"twins",
			{ targets: [target, { ...target, name: "twin" }] },
			/^denied: two targets have the same selector: bots and twin$/,
		],
		[
			"an action that gets milder",
			{ targets: [{ ...target, preset: "Gateway", onEmergency: { action: "Run" } }] },
			/^denied: a raise would open target bots: .* may not get milder/,
		],
		[
			"a freeze that is milder",
			{ targets: [{ ...target, preset: "Risk", onEmergency: { action: "Stop" } }] },
			/^denied: a raise would open target bots: .* without one Freeze is Stop$/,
		],
		[
			"two of a name",
			{ targets: [target, { ...target, selector: { matchLabels: { a: "b" } } }] },
			/Duplicate value: .*"name":"bots"/,
		],
		[
			"unknown preset",
			{ targets: [{ ...target, preset: "Bots" }] },
			/targets\[0\]\.preset: Unsupported value: "Bots"/,
		],
		["no name", { targets: [{ ...target, name: undefined }] }, /targets\[0\]\.name: Required value/],
		["empty name", { targets: [{ ...target, name: "" }] }, /targets\[0\]\.name: Invalid value/],
		[
			"no preset",
			{ targets: [{ ...target, preset: undefined }] },
			/name a preset \(Bot, Strategy, Gateway, Risk, Liquidator\) or give onPause, onReduce and onEmergency/,
		],
		[
			"no selector",
			{ targets: [{ ...target, selector: undefined }] },
			/targets\[0\]\.selector: Required value/,
		],
		[
			"empty selector",
			{ targets: [{ ...target, selector: {} }] },
			/an empty selector selects nothing: name at least one label/,
		],
		[
			"empty parts",
			{ targets: [{ ...target, selector: { matchLabels: {}, matchExpressions: [] } }] },
			/an empty selector selects nothing/,
		],
		["null selector", { targets: [{ ...target, selector: null }] }, /selector: (Required|Invalid) value/],
		[
			"unknown action",
			{ targets: [{ ...target, onPause: { action: "Kill" } }] },
			/onPause\.action: Unsupported value: "Kill"/,
		],
		["a list for a map", { targetModes: [] }, /must be of type object/],
		["a word for a number", { reset: { approvals: "two" } }, /must be of type integer/],
		[
			"negative",
			{ reset: { approvals: -1 } },
			/spec\.reset\.approvals: Invalid value: -1: .*should be greater than or equal to 0/,
		],
		["a fraction", { reset: { approvals: 1.5 } }, /must be of type integer/],
	];
	for (const [what, spec, message] of cases) {
		// When it is created.
		const said = await create(spec);
		// Then the answer names the field and what is expected.
		t.regex(said, message, what);
	}
	// And what is right passes.
	t.is(await create({ targets: everyPreset }), "allowed");
	t.is(await create({}), "allowed");
	t.is(await create(undefined), "allowed");
});

test("selectors that contradict themselves are refused", async (t) => {
	// Given expressions with values where there should be none, and the reverse.
	const expression = (value: Sent) =>
		withTarget({ selector: { matchExpressions: [{ key: "app", ...value }] } });
	const told = /In and NotIn need values, Exists and DoesNotExist take none/;
	// When they are created.
	// Then they are refused, and the right ones are not.
	t.regex(await expression({ operator: "In" }), told);
	t.regex(await expression({ operator: "NotIn", values: [] }), told);
	t.regex(await expression({ operator: "Exists", values: ["x"] }), told);
	t.regex(await expression({ operator: "Gt", values: ["1"] }), /Unsupported value: "Gt"/);
	t.is(await expression({ operator: "In", values: ["x"] }), "allowed");
	t.is(await expression({ operator: "DoesNotExist" }), "allowed");
});

test("unknown fields are refused where the client asks for strictness, as kubectl does", async (t) => {
	// Given a misspelt field.
	const spec = { targets: [target], freez: true };
	// When it is created strictly and otherwise.
	// Then it is named, and without strictness dropped.
	t.regex(await create(spec, "Strict"), /strict decoding error: unknown field "spec\.freez"/);
	t.is(await create(spec, "Ignore"), "allowed");
});

test("every field of spec is free or guarded", async (t) => {
	// Given a desk in Normal, and a new value for each field that the schema has.
	const desk = await newDesk(world, { mode: "Normal" });
	const changes: Readonly<Record<string, unknown>> = {
		mode: "Emergency",
		reason: "because",
		setBy: "",
		freeze: true,
		trip: { id: "t" },
		targetModes: { bots: "Pause" },
		resetRequest: { reason: "x" },
		targets: [],
		reduce: { overSeconds: 1 },
		reset: { approvals: 1 },
		enforcement: "Observe",
		prometheus: { url: "http://prometheus:9090" },
		flat: { query: "risk_position", expectSeries: 1 },
		ordersCancelled: { query: "orders_resting", expectSeries: 1 },
		liquidation: { maxSlippageBps: 10 },
		restore: { stageSeconds: 60 },
		estop: { minimumArmed: 1 },
	};
	t.deepEqual(
		Object.keys(changes).sort(),
		Object.keys(specSchema.properties).sort(),
		"a change for each field",
	);
	for (const [field, value] of Object.entries(changes)) {
		// When a person who may only patch changes it.
		const said = await outcome(desk.patch(world.as("ray"), { [field]: value }, true));
		// Then the free ones pass, a request needs its verb, and all others need configure.
		const free = (freeFields as readonly string[]).includes(field);
		const denial = `denied: changing the configuration (${field}) needs the verb configure (ClusterRole tradingsafety-configurer)`;
		const request = "denied: a reset request needs the verb reset (ClusterRole tradingsafety-resetter)";
		t.is(said, field === "resetRequest" ? request : free ? "allowed" : denial);
	}
});

test("printer columns and short names", async (t) => {
	// Given a desk in Reduce that was observed.
	const desk = await newDesk(world, { mode: "Normal" });
	await desk.patch(world.as("ray"), { mode: "Reduce", reason: "loss limit", setBy: "ray" });
	const condition = (type: string, status: string) => ({
		type,
		status,
		lastTransitionTime: "2026-01-01T00:00:00Z",
		reason: "Tested",
		message: "tested",
	});
	await desk.status(world.admin, {
		modeInForce: "Pause",
		lastTransition: { observedAt: new Date().toISOString() },
		conditions: [condition("Confirmed", "False"), condition("Armed", "Unknown")],
	});
	// When it is read as a table, as kubectl does.
	const read = async (...args: string[]) =>
		(await kubectl(world.cluster, ["-n", desk.namespace, "get", ...args])).stdout.trim().split("\n");
	const [head, row] = await read("tsafe");
	// Then the columns say what a person needs.
	t.deepEqual(head?.split(/ {2,}/), [
		"NAME",
		"MODE",
		"IN FORCE",
		"CONFIRMED",
		"ARMED",
		"SINCE",
		"BY",
		"REASON",
	]);
	t.regex(row ?? "", /^desk +Reduce +Pause +False +Unknown +\d+s +ray +loss limit$/);
	const [wide] = await read("tsafe", "-o", "wide");
	t.deepEqual(wide?.trim().split(/ {2,}/).slice(-3), ["FROZEN", "CLEARED", "AUDIT"]);
	t.is((await read("tradingsafety", "-o", "name"))[0], "tradingsafety.tradingsafety.dev/desk");
	const record = await read("tsrec");
	t.is(record[0], "");
});

test("a restore record is written once", async (t) => {
	// Given a record.
	const path = `/apis/tradingsafety.dev/v1alpha1/namespaces/${namespace}/restorerecords`;
	const workload = { apiVersion: "apps/v1", kind: "Deployment", name: "bot", uid: "u-1" };
	const spec = { workload, replicas: 3, target: "bots", generation: 4, recordedBy: "replica-0" };
	const record = {
		apiVersion: "tradingsafety.dev/v1alpha1",
		kind: "RestoreRecord",
		metadata: { name: "u-1" },
		spec,
	};
	await world.admin.create(path, record);
	const patch = (body: Sent) => outcome(world.admin.patch(`${path}/u-1`, body, { type: "merge" }));
	// When it is changed, made again, annotated, or sent as it is.
	// Then what was recorded stays, and the rest passes.
	t.regex(await patch({ spec: { replicas: 5 } }), /a restore record is written once/);
	t.regex(await patch({ spec: { workload: { name: "other" } } }), /a restore record is written once/);
	t.regex(await patch({ spec: null }), /spec: Required value/);
	t.is(await patch({ metadata: { annotations: { "tradingsafety.dev/held-at": "5" } } }), "allowed");
	t.is(await patch({ spec: { replicas: 3 } }), "allowed");
	await t.throwsAsync(world.admin.create(path, record), { message: /already exists/ });
	t.regex(
		await outcome(
			world.admin.create(path, { ...record, metadata: { name: "u-2" }, spec: { ...spec, replicas: -1 } }),
		),
		/greater than or equal to 0/,
	);
});
