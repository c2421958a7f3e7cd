import test from "ava";
import { TestDesk, target } from "../operator/desk.ts";
import { startReplica } from "../operator/replica.ts";
import { Witness } from "../operator/witness.ts";
import { until } from "../support/until.ts";

const app = (value: string) => ({ matchLabels: { app: value } });
const expression = (key: string, operator: string, ...values: readonly string[]) => ({
	matchExpressions: [{ key, operator, ...(values.length > 0 && { values }) }],
});
/** As long as a label may be: 253 characters of prefix, 63 of name, 63 of value. */
const longest = {
	[`${"p".repeat(63)}.${"q".repeat(63)}.${"r".repeat(63)}.${"s".repeat(61)}/${"n".repeat(63)}`]: "v".repeat(
		63,
	),
};
/** Names and selectors that mean something to some language, by the name of the target. */
const selectors = {
	__proto__x: app("__proto__"),
	constructor: app("constructor"),
	toString: expression("constructor", "In", "toString", "valueOf"),
	"'] + params.spec.mode + ['": app("' in variables.labels || true || '"),
	"quotes \" ' \\ `": app("a,app=bots"),
	"new\nline": app("a\nb"),
	"ümlaut ☠": app("ümlaut ☠"),
	"a/b": expression("a,b", "Exists"),
	injection: expression("app", "In", "x),app in (bots", "bots)"),
	nothing: expression("app)", "In", "bots"),
	longest: { matchLabels: longest },
} as const;
const hostile = [
	...Object.entries(selectors).map(([name, selector]) => ({ name, preset: "Bot", selector })),
	// A name that only a list can carry: in an object literal it would be the prototype.
	{ name: "__proto__", preset: "Strategy", selector: app("proto") },
];

test.serial("hostile names and selectors: nothing opens, nothing crashes, and they are named", async (t) => {
	// Given a desk of such targets beside two ordinary ones, with pods
	const desk = await TestDesk.create(t);
	await desk.run(
		{ name: "bots", replicas: 2 },
		{ name: "constructor", replicas: 1 },
		{ name: "proto", replicas: 1 },
		{ name: "long", replicas: 1, labels: { app: "long", ...longest } },
	);
	const replica = await startReplica(t, desk);
	await desk.govern({ targets: [target("bots", "Bot"), ...hostile] });
	// When it is governed in Pause, then it is confirmed: whoever can be listed is gone
	await desk.confirmed("Pause");
	t.deepEqual(await desk.pods(), []);
	t.deepEqual(await desk.recorded(), ["bots=2", "constructor=1", "long=1", "proto=1"]);
	const found = await desk.condition("TargetsFound");
	t.like(found, { status: "False", reason: "ImpossibleSelector" });
	for (const name of ["injection", "ümlaut", "a/b", "nothing"]) t.true(found?.message.includes(name), name);
	// When it is lowered, then what belongs to it comes back
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	for (const name of ["bots", "constructor", "long"]) t.true((await desk.pods(name)).length > 0, name);
	// When one of them is raised alone, by a name that an object literal cannot spell, and a hostile trip comes
	const witness = await Witness.start(t, desk);
	const alone = JSON.parse('{"__proto__": "Emergency"}') as object;
	await desk.patch({ targetModes: alone, trip: { id: "'; --", type: "constructor", source: "__proto__" } });
	// Then it alone is stopped, and the trip is counted
	await until("it is stopped", async () => (await desk.workload("proto")).spec.replicas === 0);
	await desk.confirmed("Normal");
	t.deepEqual(await desk.recorded(), ["proto=1"]);
	t.is((await desk.pods("bots")).length, 2);
	t.is((await desk.get()).status?.trips?.byType?.constructor as unknown, 1);
	await desk.patch({ mode: "Emergency", trip: { id: "2", type: "__proto__" } });
	await desk.confirmed("Emergency");
	t.deepEqual(await desk.pods(), []);
	await witness.catchUp();
	t.deepEqual(witness.falseClaims("bots", "constructor", "long", "proto"), []);
	t.true(replica.running);
	t.deepEqual(
		replica.log.filter(({ msg, err }) => /status/.test(`${msg}`) && /INVALID/.test(JSON.stringify(err))),
		[],
	);
});

test.serial("a desk at every bound is raised, judged, halted, told of and restored", async (t) => {
	// Given a desk with as much in it as it takes: every target selects the same pods
	const desk = await TestDesk.create(t);
	const long = (text: string) => text.padEnd(63, "x");
	const labels = Object.fromEntries(
		Array.from({ length: 8 }, (_, i) => [`l-${i}.${"d".repeat(50)}.example/${long(`k${i}`)}`, long(`v${i}`)]),
	);
	const values = Array.from({ length: 15 }, (_, i) => long(`other-${i}`));
	const names = Array.from({ length: 32 }, (_, i) => long(`target-${i}`));
	const targets = names.map((name, i) => ({
		name,
		preset: "Bot",
		selector: {
			matchLabels: labels,
			matchExpressions: Object.entries(labels).map(([key, value]) => ({
				key,
				operator: "In",
				// The last is the one that matches, and no two targets have the same list.
				values: [long(`own-${i}`), ...values.slice(1), value],
			})),
		},
		onEmergency: { action: "Stop", gracePeriodSeconds: 300 },
	}));
	await desk.run({ name: "b".repeat(63), replicas: 3, labels: { app: "all", ...labels } });
	await startReplica(t, desk);
	const reason = "é".repeat(1024);
	const detail = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`d${i}`, "w".repeat(256)]));
	await desk.govern({ targets, reason, reset: { approvals: 0, cooldownSeconds: 0 } });
	await desk.confirmed("Pause");
	await desk.lower("Normal");
	await desk.confirmed("Normal");
	// When it is raised with everything that a raise may carry, again and again
	const targetModes = Object.fromEntries(names.map((name) => [name, "Emergency"]));
	const trip = { source: "s".repeat(256), at: "t".repeat(64), detail };
	for (let i = 0; i < 26; i++) {
		await desk.patch({
			mode: i % 2 === 0 ? "Pause" : "Emergency",
			targetModes,
			reason: `${i}`.padEnd(1024, "é"),
			trip: { ...trip, id: `${i}`.padEnd(128, "i"), type: `${i}`.padEnd(64, "y") },
		});
	}
	// Then it is halted, within the bounds of status
	const { status } = await desk.confirmed("Emergency");
	t.is(status?.history?.length, 20);
	t.is(status?.targets?.length, 32);
	t.deepEqual(await desk.pods(), []);
	t.true((status?.trips?.total ?? 0) >= 1);
	// Then a new pod is judged, not failed over
	await t.throwsAsync(
		desk.admin.create(`/api/v1/namespaces/${desk.namespace}/pods`, {
			metadata: { name: "late", labels: { app: "all", ...labels } },
			spec: { containers: [{ name: "c", image: "c" }] },
		}),
		{ message: /trading is halted: target target-0x+ of desk/ },
	);
	// When it is lowered, then it comes back
	await desk.cleared();
	const paused = Object.fromEntries(names.map((name) => [name, "Pause"]));
	await desk.patch({ mode: "Pause", targetModes: paused, reason: "down" });
	await desk.confirmed("Pause");
	await desk.cleared();
	await desk.patch({ mode: "Normal", targetModes: null, reason: "up" });
	await desk.confirmed("Normal");
	await until("three are up", async () => (await desk.pods("all")).length === 3);
	t.deepEqual(await desk.records(), []);
});
