import test from "ava";
import fc from "fast-check";
import { columns } from "../../crds/vocabulary.ts";
import { amendments, join, type Permissions, permissionsOf, reductions } from "../../permits/permissions.ts";

const any: fc.Arbitrary<Permissions> = fc.record({
	open: fc.boolean(),
	reduce: fc.constantFrom(...reductions),
	amendStops: fc.constantFrom(...amendments),
});

test("each mode, and Freeze, is its own row", (t) => {
	// Given the table of the design
	const table = {
		Normal: [true, "free", "free"],
		Pause: [false, "stops-placed", "free"],
		Reduce: [false, "free", "tighten"],
		Emergency: [false, "free", "none"],
		Freeze: [false, "none", "none"],
	} as const;
	// When each is looked up, then it gives its row
	for (const column of columns) {
		const { open, reduce, amendStops } = permissionsOf(column);
		t.deepEqual([open, reduce, amendStops], table[column], column);
	}
});

test("joined permissions allow what both allow, in any order, and never more", (t) => {
	// Given any three
	fc.assert(
		fc.property(any, any, any, (a, b, c) => {
			// When they are joined, then order and repetition do not matter
			t.deepEqual(join(a, b), join(b, a));
			t.deepEqual(join(join(a, b), c), join(a, join(b, c)));
			t.deepEqual(join(a, a), a);
			// Then nothing is wider than either
			const both = join(a, b);
			t.true(!both.open || (a.open && b.open));
			t.true(reductions.indexOf(both.reduce) >= reductions.indexOf(a.reduce));
			t.true(amendments.indexOf(both.amendStops) >= amendments.indexOf(b.amendStops));
		}),
	);
});
