import test from "ava";
import fc from "fast-check";
import { columns } from "../../crds/vocabulary.ts";
import { type DeskView, indicationOf, type Panel } from "../../sidecar/indicator.ts";

const open: DeskView = { wanted: "Normal", inForce: "Normal", confirmed: "True", auditBehind: false };
const panel = (rest: Partial<Panel> & { readonly desk?: Partial<DeskView> } = {}): Panel => ({
	desks: [{ ...open, ...rest.desk }],
	tripping: false,
	armed: true,
	tested: false,
	silenced: false,
	...rest,
});
const shown = (of: Parameters<typeof panel>[0]) => {
	const { light, rhythm, buzzer } = indicationOf(panel(of));
	return `${light} ${rhythm}${buzzer ? " buzzer" : ""}`;
};

test("lights and sound tell what is confirmed", (t) => {
	// Given desks in every state; when they are shown, then as the table says
	t.is(shown({}), "Green Steady");
	t.is(shown({ tripping: true }), "Red Fast buzzer");
	t.is(shown({ desk: { wanted: "Emergency", confirmed: "False" } }), "Red Fast buzzer");
	t.is(shown({ desk: { wanted: "Pause", confirmed: "False" } }), "Red Fast buzzer");
	t.is(shown({ desk: { wanted: "Emergency", inForce: "Emergency" } }), "Red Steady");
	t.is(shown({ desk: { wanted: "Freeze", inForce: "Freeze" } }), "Red Steady");
	t.is(shown({ desk: { wanted: "Pause", inForce: "Pause" } }), "Yellow Steady");
	t.is(shown({ desk: { wanted: "Reduce", inForce: "Reduce" } }), "Yellow Steady");
	t.is(shown({ armed: false }), "Yellow Fast");
	t.is(shown({ desks: [] }), "Yellow Fast");
	t.is(shown({ tested: true }), "Yellow Double");
	t.is(shown({ desk: { auditBehind: true } }), "Yellow Slow");
	t.is(shown({ desk: { confirmed: "Unknown" } }), "Yellow Slow");
	// What was confirmed and is not known any more
	t.is(
		shown({ desk: { wanted: "Emergency", inForce: "Emergency", confirmed: "Unknown" } }),
		"Red Fast buzzer",
	);
	// A lowering is no new halt
	t.is(shown({ desk: { wanted: "Pause", inForce: "Emergency", confirmed: "False" } }), "Red Steady");
	t.is(shown({ desk: { wanted: "Normal", inForce: "Pause", confirmed: "False" } }), "Yellow Steady");
	// The buzzer can be silenced, the light cannot
	t.is(shown({ tripping: true, silenced: true }), "Red Fast");
	// Of several desks the worst counts
	const emergency: DeskView = { ...open, wanted: "Emergency", inForce: "Emergency" };
	t.is(shown({ desks: [open, emergency] }), "Red Steady");
});

const column = fc.constantFrom(...columns);
const view = fc.record({
	wanted: column,
	inForce: column,
	confirmed: fc.constantFrom("True", "False", "Unknown"),
	auditBehind: fc.boolean(),
});
const anyPanel = fc.record({
	desks: fc.array(view, { maxLength: 4 }),
	tripping: fc.boolean(),
	armed: fc.boolean(),
	tested: fc.boolean(),
	silenced: fc.boolean(),
});

test("green promises everything, off is never shown, and only an unconfirmed halt makes a sound", (t) => {
	fc.assert(
		fc.property(anyPanel, (of) => {
			const { light, rhythm, buzzer } = indicationOf(of as Panel);
			const isAllOpen = of.desks.every(
				(desk) => desk.wanted === "Normal" && desk.inForce === "Normal" && desk.confirmed === "True",
			);
			const mayBeGreen = isAllOpen && of.desks.length > 0 && of.armed && !of.tripping && !of.tested;
			const loud = indicationOf({ ...(of as Panel), silenced: false });
			return (
				light !== "Off" &&
				(light !== "Green" || mayBeGreen) &&
				(!buzzer || (light === "Red" && rhythm === "Fast" && !of.silenced)) &&
				loud.light === light &&
				loud.rhythm === rhythm
			);
		}),
		{ numRuns: 5_000 },
	);
	t.pass();
});
