import test from "ava";
import { allowedStep, columnOf, mildestStep, modeOf, moreSevere, rank } from "../../core/modes.ts";
import { permissionsOf } from "../../core/permissions.ts";
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

test("each mode is its own row of permissions", (t) => {
	// Given the table of the design
	const table = [
		["Normal", true, "free", "may", "free"],
		["Pause", false, "stops-placed", "may", "free"],
		["Reduce", false, "gradual", "may", "tighten"],
		["Emergency", false, "immediate", "all", "none"],
	] as const;
	// When each mode is looked up
	// Then it gives its row
	for (const [mode, open, reduce, cancel, amendStops] of table) {
		t.deepEqual(permissionsOf(mode), { open, reduce, cancel, amendStops }, mode);
	}
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
