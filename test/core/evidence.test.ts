import test from "ava";
import fc from "fast-check";
import { evidenceFinding } from "../../core/evidence.ts";
import type { Facts } from "../../core/facts.ts";
import type { Evidence, Sample } from "../../core/readings.ts";
import { nextStatus } from "../../core/status.ts";
import { targetStates } from "../../core/targets.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import { deskOf, factsOf, seen, target } from "./desk.ts";

const stoppedAt = "2026-01-01T00:00:05.000Z";
const now = "2026-01-01T00:00:10.000Z";
const question = { query: "risk_position", expectSeries: 2, maxAgeSeconds: 10 };
const spec: TradingSafetySpec = {
	mode: "Emergency",
	targets: [target("bots", {})],
	prometheus: { url: "http://prometheus:9090" },
	flat: question,
};
const zero = (series: string, ageSeconds = 1): Sample => ({ series, value: 0, ageSeconds });
const read = (...samples: readonly Sample[]): Evidence => ({ flat: { at: now, samples } });

/** What is found of positions, with everything stopped at {@link stoppedAt} unless said otherwise. */
function found(
	evidence: Evidence | undefined,
	options: {
		readonly spec?: TradingSafetySpec;
		readonly status?: TradingSafetyStatus;
		readonly gone?: boolean;
	} = {},
) {
	const desk = deskOf(options.spec ?? spec, options.status);
	const facts: Facts = {
		...factsOf(desk, seen(), options.gone === false ? [] : ["bots"]),
		...(evidence && { evidence }),
	};
	const { status, reason } = evidenceFinding("flat", desk, facts, targetStates(desk));
	return `${status} ${reason}`;
}

test("flat is seen only with every series at zero, by samples younger than the stop", (t) => {
	// Given what Prometheus may say in Emergency, when it is judged, then only all zeros after the stop are True
	t.is(found(read(zero("a"), zero("b"))), "True Flat");
	t.is(found(read(zero("a"), { ...zero("b"), value: -3 })), "False NotFlat");
	t.is(found(read(zero("a"), { ...zero("b"), value: Number.NaN })), "False NotFlat");
	t.is(found(read({ ...zero("a"), value: 0.001 })), "False NotFlat");
	t.is(found(read(zero("a"))), "Unknown SeriesMissing");
	t.is(found(read()), "Unknown SeriesMissing");
	t.is(found(read(zero("a"), zero("b", 11))), "Unknown SeriesMissing");
	t.is(found(read(zero("a"), zero("b", 5))), "Unknown TooOld");
	t.is(found(read(zero("a"), zero("b")), { gone: false }), "Unknown NotStopped");
	t.is(found(undefined), "Unknown NotAskedYet");
	t.is(found({ flat: { at: now, error: "no" } }), "Unknown QueryFailed");
});

test("a reading that was not renewed grows old", (t) => {
	// Given a reading of a minute ago
	const old = { flat: { at: "2025-12-31T23:59:10.000Z", samples: [zero("a"), zero("b")] } };
	// When it is judged now, then it says nothing
	t.is(found(old), "Unknown SeriesMissing");
});

test("what is not configured, or not asked, is unknown", (t) => {
	// Given desks without the question, without Prometheus, and out of Emergency
	const { flat: _flat, ...unasked } = spec;
	const { prometheus: _prometheus, ...alone } = spec;
	// When they are judged, then nothing is claimed
	t.is(found(read(zero("a"), zero("b")), { spec: unasked }), "Unknown NotConfigured");
	t.is(found(read(zero("a"), zero("b")), { spec: alone }), "Unknown NotConfigured");
	t.is(found(read(zero("a"), zero("b")), { spec: { ...spec, mode: "Pause" } }), "Unknown NotAsked");
});

test("what was once seen flat stays so without its exporters, and not against a sample", (t) => {
	// Given a desk that was seen flat in this Emergency, whose exporters ended with their bots
	const status = { lastTransition: { to: "Emergency", generation: 7, flatAt: now } };
	// When nothing is seen of it any more, then it is still flat
	t.is(found(read(), { status }), "True Flat");
	t.is(found({ flat: { at: now, error: "away" } }, { status }), "True Flat");
	// And when something is held all the same, then it is not, and has to be seen anew
	t.is(found(read({ ...zero("a"), value: 1 }), { status }), "False NotFlat");
	const desk = deskOf(spec, status);
	const facts = { ...factsOf(desk, seen(), ["bots"]), evidence: read({ ...zero("a"), value: 1 }) };
	t.is(nextStatus(desk, facts, []).lastTransition?.flatAt, undefined);
	t.is(nextStatus(desk, { ...facts, evidence: read() }, []).lastTransition?.flatAt, now);
});

test("Emergency is confirmed only with what was asked for", (t) => {
	// Given an Emergency in which everything is stopped, and a question
	const desk = deskOf(spec, { targets: [{ name: "bots", fencedAs: "Emergency" }] });
	const confirmed = (evidence?: Evidence) => {
		const facts = { ...factsOf(desk, seen(), ["bots"]), ...(evidence && { evidence }) };
		const { conditions, holds, lastTransition } = nextStatus(
			{ ...desk, status: { ...desk.status, lastTransition: { to: "Emergency", generation: 7 } } },
			facts,
			[],
		);
		const found = conditions?.find(({ type }) => type === "Confirmed");
		return [found?.status, found?.reason, holds?.[0]?.name, lastTransition?.flatAt];
	};
	// When nothing is known, something is held, or all is flat, then that is what it says, with a hold until then
	t.deepEqual(confirmed(), ["False", "NotAskedYet", "NotSeen/Flat", undefined]);
	t.deepEqual(confirmed(read({ ...zero("a"), value: 1 })), ["False", "NotFlat", "NotSeen/Flat", undefined]);
	t.deepEqual(confirmed(read(zero("a"), zero("b"))), ["True", "NothingLeft", undefined, now]);
});

test("True never follows from fewer series, an old sample or one that is not zero", (t) => {
	// Given any samples
	const sample = fc.record({
		series: fc.constantFrom("a", "b", "c"),
		value: fc.oneof(fc.constant(0), fc.constant(0), fc.double()),
		ageSeconds: fc.double({ min: 0, max: 20, noNaN: true }),
	});
	// When they are judged, then True has its reasons
	fc.assert(
		fc.property(fc.array(sample, { maxLength: 5 }), (samples) => {
			if (!found(read(...samples)).startsWith("True")) return;
			const young = samples.filter(({ ageSeconds }) => ageSeconds <= 10);
			const sinceStop = (Date.parse(now) - Date.parse(stoppedAt)) / 1000;
			t.true(young.length >= question.expectSeries);
			t.true(young.every(({ value, ageSeconds }) => value === 0 && ageSeconds < sinceStop));
		}),
	);
});
