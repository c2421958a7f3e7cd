import test from "ava";
import { allowedStep, columnOf, mildestStep, modeOf, moreSevere, rank } from "../../core/modes.ts";
import { modes } from "../../crds/vocabulary.ts";

test("modes rise from Normal to Emergency, Freeze is above them, and an unknown word is Emergency", (t) => {
	// Given the words that may stand in an object, and two that may not
	const words = ["Normal", "Pause", "Reduce", "Emergency", "Freeze", "Sleep", undefined, "constructor"];
	// When they are ranked
	const ranks = words.map(rank);
	// Then unknown ones rank as Emergency
	t.deepEqual(ranks, [0, 1, 2, 3, 4, 3, 3, 3]);
	t.deepEqual([modeOf("Pause"), modeOf("Freeze"), modeOf(undefined)], ["Pause", "Emergency", "Emergency"]);
	t.deepEqual([columnOf("Freeze"), columnOf("nothing")], ["Freeze", "Emergency"]);
	t.is(moreSevere("Reduce", "Pause"), "Reduce");
	t.is(moreSevere("Freeze", "Emergency"), "Freeze");
});

test("of all steps down only four are allowed", (t) => {
	// Given every pair of modes that goes down
	const down = modes.flatMap((from) =>
		modes.filter((to) => rank(to) < rank(from)).map((to) => [from, to] as const),
	);
	// When each is judged
	const allowed = down.filter(([from, to]) => allowedStep(rank(from), rank(to)));
	// Then Emergency goes to Pause alone, and nothing goes to Reduce
	t.deepEqual(allowed.map((step) => step.join(" -> ")).sort(), [
		"Emergency -> Pause",
		"Pause -> Normal",
		"Reduce -> Normal",
		"Reduce -> Pause",
	]);
	t.deepEqual(modes.map(mildestStep), ["Normal", "Normal", "Normal", "Pause"]);
});
