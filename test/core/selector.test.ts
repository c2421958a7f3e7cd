import test from "ava";
import { labelSelector, matches } from "../../core/selector.ts";
import type { PodSelector } from "../../crds/spec.ts";

const cases: readonly [string, PodSelector, Readonly<Record<string, string>>, boolean][] = [
	["an empty selector selects nothing", {}, { app: "bot" }, false],
	["empty parts select nothing", { matchLabels: {}, matchExpressions: [] }, { app: "bot" }, false],
	["an equal label", { matchLabels: { app: "bot" } }, { app: "bot", x: "y" }, true],
	["another value", { matchLabels: { app: "bot" } }, { app: "web" }, false],
	["one of two labels is not enough", { matchLabels: { app: "bot", x: "y" } }, { app: "bot" }, false],
	["a label of the prototype is no label", { matchLabels: { constructor: "" } }, {}, false],
	["In", { matchExpressions: [{ key: "a", operator: "In", values: ["x", "y"] }] }, { a: "y" }, true],
	["In, other value", { matchExpressions: [{ key: "a", operator: "In", values: ["x"] }] }, { a: "y" }, false],
	["In, no such label", { matchExpressions: [{ key: "a", operator: "In", values: ["x"] }] }, {}, false],
	["NotIn", { matchExpressions: [{ key: "a", operator: "NotIn", values: ["x"] }] }, { a: "y" }, true],
	["NotIn, no such label", { matchExpressions: [{ key: "a", operator: "NotIn", values: ["x"] }] }, {}, true],
	[
		"NotIn, listed",
		{ matchExpressions: [{ key: "a", operator: "NotIn", values: ["x"] }] },
		{ a: "x" },
		false,
	],
	["Exists", { matchExpressions: [{ key: "a", operator: "Exists" }] }, { a: "" }, true],
	["Exists, absent", { matchExpressions: [{ key: "toString", operator: "Exists" }] }, {}, false],
	["DoesNotExist", { matchExpressions: [{ key: "a", operator: "DoesNotExist" }] }, {}, true],
	["DoesNotExist, present", { matchExpressions: [{ key: "a", operator: "DoesNotExist" }] }, { a: "" }, false],
	[
		"labels and conditions must all hold",
		{ matchLabels: { app: "bot" }, matchExpressions: [{ key: "a", operator: "Exists" }] },
		{ app: "bot" },
		false,
	],
];

for (const [name, selector, labels, expected] of cases) {
	test(`selector: ${name}`, (t) => {
		// Given a selector and labels, when they are compared, then they match or do not
		t.is(matches(selector, labels), expected);
	});
}

test("a selector is said to the API server in its own words", (t) => {
	// Given a selector with every operator
	const selector: PodSelector = {
		matchLabels: { app: "bot" },
		matchExpressions: [
			{ key: "a", operator: "In", values: ["x", "y"] },
			{ key: "b", operator: "NotIn", values: ["z"] },
			{ key: "c", operator: "Exists" },
			{ key: "d", operator: "DoesNotExist" },
		],
	};
	// When it becomes the parameter of a list
	// Then it has the grammar of Kubernetes
	t.is(labelSelector(selector), "app=bot,a in (x,y),b notin (z),c,!d");
	// And an empty one lists nothing rather than everything
	t.is(labelSelector({ matchLabels: {} }), undefined);
});
