import test from "ava";
import fc from "fast-check";
import {
	type ButtonEvent,
	type ButtonState,
	buttonAfter,
	discrepancyMilliseconds,
	type Fault,
	freshButton,
	releaseMilliseconds,
} from "../../sidecar/button.ts";
import type { Malformed, Reading } from "../../sidecar/devices/profile.ts";

type Input = Reading | Malformed | { readonly kind: "Tick" };
type Step = readonly [at: number, input: Input];

const reading = (pressed: boolean, rest: Partial<Reading> = {}): Reading => ({
	kind: "Reading",
	pressed,
	...rest,
});
const damaged: Malformed = { kind: "Malformed", why: "Checksum" };
const tick = { kind: "Tick" } as const;

/** Plays reports and ticks to a button that was opened at 0, and tells what happened when. */
function played(steps: readonly Step[], staleAfter?: number) {
	let state: ButtonState = freshButton(0);
	const events: (readonly [number, string])[] = [];
	const word = (event: ButtonEvent) => ("fault" in event ? `${event.kind} ${event.fault}` : event.kind);
	for (const [at, input] of steps) {
		const next = buttonAfter(state, input, at, staleAfter);
		state = next.state;
		events.push(...next.events.map((event) => [at, word(event)] as const));
	}
	return { state, events };
}

test("a press counts at its first edge, also when it is the first thing that a device says", (t) => {
	// Given a button that is down when it is opened; when it says so, then that is a press, once
	t.deepEqual(
		played([
			[1, reading(true)],
			[2, reading(true)],
		]).events,
		[[1, "Pressed"]],
	);
	// And one that was up before
	t.deepEqual(
		played([
			[1, reading(false)],
			[9, reading(true)],
		]).events,
		[[9, "Pressed"]],
	);
});

test("a release counts when nothing came back for long enough", (t) => {
	// Given a press whose contact bounces while it is let go
	const bounce: readonly Step[] = [
		[0, reading(true)],
		[100, reading(false)],
		[110, reading(true)],
		[120, reading(false)],
		[120 + releaseMilliseconds - 1, tick],
	];
	t.deepEqual(played(bounce).events, [[0, "Pressed"]]);
	// When time goes on, then it is released, and the next edge is another press
	const after = 120 + releaseMilliseconds;
	t.deepEqual(played([...bounce, [after, tick], [after + 1, reading(true)]]).events, [
		[0, "Pressed"],
		[after, "Released"],
		[after + 1, "Pressed"],
	]);
});

test("a press is not lost where nobody looked between it and the release before", (t) => {
	// Given reports alone, a heartbeat apart; when they say down, up, down, then that is two presses
	const steps: readonly Step[] = [
		[0, reading(true)],
		[100, reading(false)],
		[200, reading(true)],
	];
	t.deepEqual(played(steps).events, [
		[0, "Pressed"],
		[200, "Released"],
		[200, "Pressed"],
	]);
});

test("contacts may contradict each other for a moment", (t) => {
	// Given two contacts that do not move together
	const steps = (until: number): readonly Step[] => [
		[0, reading(true, { discrepant: true })],
		[until, tick],
	];
	// When they agree in time, then there is no fault; the press was one at the first of them
	t.deepEqual(played(steps(discrepancyMilliseconds)).events, [[0, "Pressed"]]);
	// When they do not, then there is one, until they agree
	const late = discrepancyMilliseconds + 1;
	t.deepEqual(played([...steps(late), [late + 1, reading(true)]]).events.slice(1), [
		[late, "FaultBegan Discrepancy"],
		[late + 1, "FaultEnded Discrepancy"],
	]);
});

test("an open enclosure is a fault at once", (t) => {
	t.deepEqual(
		played([
			[5, reading(false, { tampered: true })],
			[6, reading(false)],
		]).events,
		[
			[5, "FaultBegan Tampered"],
			[6, "FaultEnded Tampered"],
		],
	);
});

test("damaged reports are no presses, and three within a second are a fault until a second is clean", (t) => {
	t.deepEqual(
		played([
			[0, damaged],
			[400, damaged],
			[1_400, damaged],
		]).events,
		[],
	);
	const bad: readonly Step[] = [
		[0, damaged],
		[10, damaged],
		[20, damaged],
	];
	t.deepEqual(played([...bad, [1_019, tick], [1_020, tick]]).events, [
		[20, "FaultBegan Checksum"],
		[1_020, "FaultEnded Checksum"],
	]);
});

test("a device that says nothing new is stale, also while it repeats itself", (t) => {
	// Given a device that reports each 100 ms
	const stuck = Array.from(
		{ length: 5 },
		(_, index): Step => [index * 100, reading(false, { sequence: Math.min(index, 1) })],
	);
	// When its sequence stands still, then it is stale as if it were silent, and a new report ends that
	t.deepEqual(played([...stuck, [450, reading(false, { sequence: 2 })]], 299).events, [
		[400, "FaultBegan Stale"],
		[450, "FaultEnded Stale"],
	]);
	// And a press in a report that is not new is still a press
	t.deepEqual(played([...stuck, [410, reading(true, { sequence: 1 })]], 10_000).events, [[410, "Pressed"]]);
	// And who reports changes only is never stale
	t.deepEqual(played([[1e9, tick]]).events, []);
	t.deepEqual(played([[301, tick]], 300).events, [[301, "FaultBegan Stale"]]);
});

const step = fc.record({
	after: fc.nat(700),
	input: fc.oneof(
		fc.constant(tick),
		fc.constant(damaged),
		fc.record({
			kind: fc.constant("Reading" as const),
			pressed: fc.boolean(),
			discrepant: fc.boolean(),
			tampered: fc.boolean(),
			sequence: fc.nat(3),
		}),
	),
});

test("whatever is reported, each press is told at once and faults begin and end in turn", (t) => {
	fc.assert(
		fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
			let state = freshButton(0);
			let now = 0;
			let wasPressed = false;
			const standing = new Set<Fault>();
			for (const { after, input } of steps) {
				now += after;
				const { state: next, events } = buttonAfter(state, input, now, 300);
				const isLetGo = events.some(({ kind }) => kind === "Released");
				if (isLetGo && !wasPressed) return false;
				const isEdge = input.kind === "Reading" && input.pressed && (!wasPressed || isLetGo);
				if (isEdge !== events.some(({ kind }) => kind === "Pressed")) return false;
				wasPressed = next.pressed;
				for (const event of events) {
					if (event.kind === "FaultBegan" && standing.has(event.fault)) return false;
					if (event.kind === "FaultBegan") standing.add(event.fault);
					if (event.kind === "FaultEnded" && !standing.delete(event.fault)) return false;
				}
				if (next.damagedAt.length > 3) return false;
				state = next;
			}
			return standing.size === state.faults.length;
		}),
		{ numRuns: 2_000 },
	);
	t.pass();
});
