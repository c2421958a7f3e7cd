import test from "ava";
import fc from "fast-check";
import { isHaltedAndFlat, isLent, testSeconds } from "../../core/proof-test.ts";
import type { TradingSafety } from "../../crds/types.ts";

const now = Date.parse("2030-01-01T00:00:00Z");
const inSeconds = (seconds: number) => new Date(now + seconds * 1_000).toISOString();

test("a device is lent until the time that is said, for a minute at most", (t) => {
	// Given ends before and after now, and how long they are known
	t.true(isLent(inSeconds(30), now, 0));
	t.true(isLent(inSeconds(testSeconds), now, 0));
	// Then what is over, too far ahead, known for too long, or no time at all, is a real press
	t.false(isLent(inSeconds(0), now, 0));
	t.false(isLent(inSeconds(-1), now, 0));
	t.false(isLent(inSeconds(testSeconds + 1), now, 0));
	t.false(isLent(inSeconds(30), now, testSeconds + 1));
	t.false(isLent("soon", now, 0));
	t.false(isLent(undefined, now, 0));
});

test("whatever the clocks say, a press is kept from a desk for a minute at most", (t) => {
	// Given any clock that jumps between two looks, and any time that passes between them
	const seconds = fc.integer({ min: -10_000, max: 10_000 });
	fc.assert(
		fc.property(
			fc.string(),
			seconds,
			seconds,
			fc.integer({ min: testSeconds + 1 }),
			(text, end, jump, since) => {
				t.false(isLent(inSeconds(end), now + jump * 1_000, since));
				t.false(isLent(text, now, since));
			},
		),
	);
});

test("halted and flat is what status says of the present generation", (t) => {
	const condition = (type: string, status: string, reason = "Some") => ({
		...{ type, status, reason, message: "", lastTransitionTime: inSeconds(0), observedGeneration: 4 },
	});
	const desk = (spec: object, status: object) =>
		({
			metadata: { generation: 4 },
			spec: { mode: "Emergency", ...spec },
			status,
		}) as unknown as TradingSafety;
	const halted = { modeInForce: "Emergency" };
	const confirmed = condition("Confirmed", "True");
	const flat = condition("Flat", "True");
	t.true(isHaltedAndFlat(desk({}, { ...halted, conditions: [confirmed, flat] })));
	t.true(isHaltedAndFlat(desk({}, { ...halted, conditions: [confirmed] })));
	const unasked = condition("Flat", "Unknown", "NotConfigured");
	t.true(isHaltedAndFlat(desk({}, { ...halted, conditions: [confirmed, unasked] })));
	// Then anything else is not
	const unknown = condition("Flat", "Unknown");
	const old = { ...confirmed, observedGeneration: 3 };
	t.false(isHaltedAndFlat(desk({}, { ...halted, conditions: [confirmed, unknown] })));
	t.false(isHaltedAndFlat(desk({}, { ...halted, conditions: [old, flat] })));
	t.false(isHaltedAndFlat(desk({}, { ...halted, conditions: [condition("Confirmed", "False"), flat] })));
	t.false(isHaltedAndFlat(desk({ mode: "Pause" }, { ...halted, conditions: [confirmed, flat] })));
	t.false(isHaltedAndFlat(desk({}, { modeInForce: "Pause", conditions: [confirmed, flat] })));
	t.false(isHaltedAndFlat(desk({}, halted)));
});
