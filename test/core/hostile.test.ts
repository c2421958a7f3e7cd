import test from "ava";
import { continueStory } from "../../core/history.ts";
import { impossibleWords, isLabelKey, isLabelValue } from "../../core/label-syntax.ts";
import { labelSelector } from "../../core/selector.ts";
import { nextStatus } from "../../core/status.ts";
import type { PodSelector } from "../../crds/spec.ts";
import { deskOf, factsOf, podOf, seen, target, workloadOf } from "./desk.ts";

const hostile = [
	"a,b",
	"a)",
	"a in (b)",
	"'",
	'"',
	"a=b",
	"!a",
	"é",
	"a b",
	"-a",
	"a-",
	"x".repeat(64),
	"'; true",
];

test("what no label can be is recognised", (t) => {
	// Given words that people write, when they are looked at, then only those of Kubernetes pass
	for (const word of hostile) t.false(isLabelValue(word), word);
	for (const word of ["", "a", "A.b_c-d", "constructor", "__proto__x", "x".repeat(63)]) {
		t.is(isLabelValue(word), !word.startsWith("_"), word);
	}
	t.true(isLabelKey(`${"p".repeat(253)}/${"n".repeat(63)}`));
	for (const key of ["", "a/b/c", "/a", "a/", "A/b", `${"p".repeat(254)}/n`, "n".repeat(64)]) {
		t.false(isLabelKey(key), key);
	}
});

test("hostile words never reach the grammar of the API server, and mean what they say", (t) => {
	for (const word of hostile) {
		const expressions = (
			operator: "In" | "NotIn" | "Exists" | "DoesNotExist",
			key: string,
			values?: string[],
		) => labelSelector({ matchExpressions: [{ key, operator, ...(values && { values }) }] });
		// Given a selector with such a word
		// When it becomes the parameter of a list
		// Then nothing matches where something must equal it, and everything where nothing may
		t.is(labelSelector({ matchLabels: { app: word } }), undefined, word);
		t.is(expressions("In", "app", [word]), undefined, word);
		t.is(expressions("In", "app", [word, "ok"]), "app in (ok)", word);
		t.is(expressions("NotIn", "app", [word]), "", word);
		t.is(expressions("NotIn", "app", [word, "ok"]), "app notin (ok)", word);
	}
	for (const key of ["a,b", "a)", "!a", "a b"]) {
		const selector: PodSelector = { matchExpressions: [{ key, operator: "Exists" }] };
		t.is(labelSelector(selector), undefined, key);
		t.is(labelSelector({ matchExpressions: [{ key, operator: "DoesNotExist" }] }), "", key);
		t.deepEqual(impossibleWords(selector), [JSON.stringify(key)]);
	}
});

test("a trip whose type is a word of the language is counted like any other", (t) => {
	for (const type of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
		// Given two trips of such a type
		const sighting = (generation: number) => ({
			generation,
			spec: { mode: "Emergency" as const, trip: { id: `${generation}`, type } },
			time: "2026-01-01T00:00:00.000Z",
		});
		// When the story goes on
		const { trips } = continueStory(undefined, [sighting(1), sighting(2)], true);
		// Then they are two
		t.is(trips?.total, 2);
		t.deepEqual(Object.entries(trips?.byType ?? {}), [[type, 2]]);
	}
});

test("whatever is observed, status stays within its bounds", (t) => {
	// Given 32 targets with the longest names, each with pods and workloads of the longest names
	const names = Array.from({ length: 32 }, (_, i) => `${i}`.padStart(63, "x"));
	const everywhere = { app: "all" };
	const long = (i: number) => `${i}`.padStart(253, "p");
	const things = Array.from({ length: 60 }, (_, i) => i);
	const desk = deskOf(
		{
			mode: "Pause",
			reason: "r".repeat(1024),
			targets: names.map((name) => ({ ...target(name), selector: { matchLabels: everywhere } })),
		},
		{ targets: names.map((name) => ({ name, fencedAs: "Emergency" as const })) },
	);
	const observed = seen({
		pods: things.map((i) => podOf("all", { name: long(i), uid: `p${i}`, owned: false, node: long(i) })),
		workloads: things.map((i) => workloadOf("all", 3, { name: long(i), uid: `w${i}`, ready: 0 })),
	});
	const error = "e".repeat(5_000);
	const waitingFor = things.map((i) => `Deployment ${long(i)} to be Ready`);
	const restore = { effects: [], notRestored: [], waitingFor, stage: names[0] ?? "", done: false };
	// When status is made, of a restore too
	for (const rest of [{ fence: { error } }, { fence: { error }, restore }]) {
		const status = nextStatus(desk, factsOf(desk, observed, [], rest), []);
		// Then every text and list fits into the schema
		for (const { reason, message } of status.conditions ?? []) {
			t.true(message.length <= 2048 && reason.length <= 128, message.slice(0, 80));
		}
		for (const hold of status.holds ?? []) t.true(hold.message.length <= 1024 && hold.name.length <= 256);
		t.true((status.holds ?? []).length <= 64);
		t.true((status.notRestored ?? []).length <= 50);
		for (const { unconfirmed = [] } of status.targets ?? []) {
			t.true(unconfirmed.length <= 50 && unconfirmed.every((text) => text.length <= 320));
		}
	}
});
