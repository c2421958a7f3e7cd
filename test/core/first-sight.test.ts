import test from "ava";
import fc from "fast-check";
import { stateWord } from "../../core/sighting.ts";
import { specHappenings } from "../../core/spec-happenings.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import { asEntry, specs } from "./any-spec.ts";
import { deskOf, target } from "./desk.ts";

const running: TradingSafetySpec = { mode: "Normal", targets: [target("bots")] };

/** A status that speaks of generation 7, in which the desk stood so. */
const stood = (to: string, rest: TradingSafetyStatus = {}): TradingSafetyStatus => ({
	...{ wasNormal: true, observedGeneration: 7 },
	history: [{ generation: 5, from: "Created", to, actor: "alice", reason: "before", time: "a" }],
	...rest,
});

test("what happened while no replica ran is the intervention that it was, from what status remembers", (t) => {
	const first = (spec: TradingSafetySpec, status: TradingSafetyStatus, generation: number) =>
		specHappenings(undefined, deskOf(spec, status, generation), false)[0];
	// Given a status of generation 7 in Normal, when the desk is found raised by a person at 10
	const trip = { id: "t-1", source: "desk phone", type: "Manual" };
	const raise = first(
		{ ...running, mode: "Emergency", setBy: "rita", reason: "prices are wrong", trip },
		stood("Normal"),
		10,
	);
	// Then who, why, the trip, both states and how many generations nobody saw are told
	t.is(`${raise?.kind} ${raise?.action}`, "Intervention Raise");
	t.deepEqual(raise?.actor, { name: "rita", via: "desk phone" });
	t.is(raise?.justification, "prices are wrong");
	t.deepEqual(raise?.before, {
		generation: 7,
		values: { mode: "Normal", freeze: "false", enforcement: "Enforce" },
	});
	t.like(raise?.after, { generation: 10, values: { mode: "Emergency" } });
	t.like(raise?.metadata, { unseenGenerations: "2", tripId: "t-1", beforeBy: "status" });
	// Given a halt, when it is found lowered without a clearance, then that is an override
	const lowered: TradingSafetySpec = { ...running, mode: "Pause", setBy: "otto", reason: "no time" };
	const override = first(lowered, stood("Emergency+Freeze"), 8);
	t.is(`${override?.kind} ${override?.action} ${override?.actor.name}`, "Override LowerUncleared otto");
	t.is(override?.justification, "no time");
	t.like(override?.before?.values, { mode: "Emergency", freeze: "true" });
	t.is(override?.metadata?.unseenGenerations, "0");
	// And with one it is not
	const cleared = stood("Emergency", { clearance: { generation: 7, toMode: "Pause" } });
	t.is(`${first(lowered, cleared, 8)?.kind}`, "Intervention");
	// Given a press that status does not know, then it is a trip
	const press = { id: "t-2", source: "BOX-1", type: "Button" };
	const known = stood("Emergency", { trips: { last: { id: "t-1", generation: 5 } } });
	const pressed = first({ ...running, mode: "Emergency", trip: press }, known, 8);
	t.is(`${pressed?.kind} ${pressed?.action} ${pressed?.actor.via}`, "Trip TrippedAgain BOX-1");
	// Given a name that status knows of an earlier move, then it may be stale, and is only what spec says
	const stale = first({ ...running, mode: "Pause", setBy: "alice", reason: "before" }, stood("Normal"), 8);
	t.is(`${stale?.action} ${stale?.actor.name} ${stale?.justification}`, "Raise unknown none was given");
	t.like(stale?.metadata, { "spec.setBy": "alice", "spec.reason": "before" });
	// Given a status that knows nobody, then whoever spec names may be of before as well
	const history = [{ generation: 5, from: "Created", to: "Normal", time: "a" }];
	const nameless = first({ ...running, mode: "Pause", setBy: "alice" }, stood("Normal", { history }), 8);
	t.is(`${nameless?.action} ${nameless?.actor.name}`, "Raise unknown");
});

test("a restart with nothing changed records what stands, and no intervention", (t) => {
	const spec: TradingSafetySpec = { ...running, mode: "Emergency", setBy: "rita", reason: "prices" };
	// Given a status that speaks of the present generation, or is behind it with the same mode
	for (const generation of [7, 9]) {
		const [found, ...others] = specHappenings(
			undefined,
			deskOf(
				{ ...spec, trip: { id: "t-1" } },
				stood("Emergency", { trips: { last: { id: "t-1" } } }),
				generation,
			),
			true,
		);
		// Then it is only said how it stands, by whom and why as spec says
		t.is(others.length, 0);
		t.is(`${found?.kind} ${found?.action}`, "Transition Observed");
		t.like(found?.metadata, { "spec.setBy": "rita", "spec.reason": "prices", tripId: "t-1" });
		t.is(found?.metadata?.unseenGenerations, generation === 7 ? undefined : "1");
		t.is(found?.before?.generation, generation === 7 ? undefined : 7);
	}
});

test("one replica that sees a step and one that finds it done give it the same name", (t) => {
	const raised: TradingSafetySpec = { ...running, mode: "Emergency", setBy: "rita" };
	const [live] = specHappenings(deskOf(running, { wasNormal: true }, 7), deskOf(raised, {}, 8), true);
	const [found] = specHappenings(undefined, deskOf(raised, stood("Normal"), 8), true);
	t.is(live?.sameAs, found?.sameAs);
});

test("whatever is found where something else stood is recorded as an entry that can be one", (t) => {
	fc.assert(
		fc.property(specs, specs, (before, after) => {
			const status = stood(stateWord(before));
			const [found] = specHappenings(undefined, deskOf(after, status, 9), true);
			t.truthy(found);
			if (found !== undefined) t.notThrows(() => asEntry(found));
			t.is(found?.before?.values.mode, before.mode ?? "Emergency");
			if (stateWord(before) !== stateWord(after)) t.not(found?.kind, "Transition");
		}),
	);
});
