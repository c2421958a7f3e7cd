import type { Question } from "../crds/spec.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { type EvidenceKind, evidenceKinds, type Reading, type Sample } from "./readings.ts";
import type { TargetState } from "./targets.ts";

const words = {
	flat: { type: "Flat", zero: "Flat", other: "NotFlat", stage: "flatAt", thing: "positions" },
	ordersCancelled: {
		type: "OrdersCancelled",
		zero: "NoneLeft",
		other: "OrdersLeft",
		stage: "ordersCancelledAt",
		thing: "resting orders",
	},
} as const;

/** How old a sample may be where the question does not say. */
export const defaultMaxAgeSeconds = 15;
const named = 3;

/** True while positions and orders are to be looked at: some target is wanted in Emergency. */
export function asksForEvidence(states: readonly TargetState[]): boolean {
	return states.some(({ wanted }) => wanted === "Emergency");
}

/**
 * What the samples of each series come to, for the conditions `Flat` and `OrdersCancelled`. True takes the expected
 * number of series, each at zero by a sample that is young enough and younger than the stop of everything that is
 * stopped or told; what is not known is not zero. Once that was seen in an Emergency, series that end with their
 * exporters do not take it back; a sample that is not zero does.
 */
export function evidenceFinding(
	kind: EvidenceKind,
	desk: TradingSafety,
	facts: Facts,
	states: readonly TargetState[],
): Finding {
	const { type, zero, other, stage, thing } = words[kind];
	const found = (status: Finding["status"], reason: string, message: string) =>
		finding(type, status, reason, message);
	const question = desk.spec[kind];
	if (!asksForEvidence(states)) return found("Unknown", "NotAsked", "looked at in Emergency");
	if (question === undefined || desk.spec.prometheus === undefined) {
		const missing = question === undefined ? `spec.${kind}` : "spec.prometheus.url";
		return found("Unknown", "NotConfigured", `${thing} are not looked at: set ${missing}`);
	}
	const seenAt = desk.status?.lastTransition?.[stage];
	const reading = facts.evidence?.[kind];
	const samples = young(reading, question, facts.now);
	const left = samples.filter(({ value }) => value !== 0);
	if (left.length > 0) {
		const which = left.slice(0, named).map(({ series, value }) => `${series} ${value}`);
		return found("False", other, `${left.length} series are not at zero: ${which.join("; ")}`);
	}
	const count = `${samples.length} of ${question.expectSeries} series seen`;
	if (seenAt !== undefined) {
		return found("True", zero, `every series was at zero at ${seenAt}; ${count} since, none above zero`);
	}
	if (reading === undefined) return found("Unknown", "NotAskedYet", "Prometheus was not asked yet");
	if ("error" in reading) {
		return found(
			"Unknown",
			"QueryFailed",
			`${reading.error}: check spec.prometheus.url and spec.${kind}.query`,
		);
	}
	if (samples.length < question.expectSeries) {
		const max = question.maxAgeSeconds ?? defaultMaxAgeSeconds;
		return found(
			"Unknown",
			"SeriesMissing",
			`${count} in the last ${max} s: check spec.${kind} and exporters`,
		);
	}
	const since = quietSince(facts, states);
	if (since === undefined) {
		return found("Unknown", "NotStopped", "not everything has stopped or acknowledged yet");
	}
	const oldest = Math.min(...samples.map(({ ageSeconds }) => Date.parse(reading.at) - ageSeconds * 1000));
	if (oldest <= Date.parse(since)) {
		return found("Unknown", "TooOld", `a sample is of before ${since}, when the last was stopped or told`);
	}
	const at = new Date(oldest).toISOString();
	return found("True", zero, `${count}, each at zero, sampled at ${at} or later`);
}

/** What was asked of Prometheus for this Emergency and is not seen to be so. */
export function missingEvidence(
	desk: TradingSafety,
	facts: Facts,
	states: readonly TargetState[],
): readonly Finding[] {
	if (!asksForEvidence(states)) return [];
	return evidenceKinds
		.filter((kind) => desk.spec[kind] !== undefined)
		.map((kind) => evidenceFinding(kind, desk, facts, states))
		.filter(({ status }) => status !== "True");
}

/** Samples that may still be so; a reading that failed has none. */
function young(reading: Reading | undefined, { maxAgeSeconds }: Question, now: string): readonly Sample[] {
	if (reading === undefined || "error" in reading) return [];
	const passed = Math.max(0, (Date.parse(now) - Date.parse(reading.at)) / 1000);
	const most = maxAgeSeconds ?? defaultMaxAgeSeconds;
	return reading.samples.filter(({ ageSeconds }) => ageSeconds + passed <= most);
}

/** When the last target was seen stopped, or told; undefined while one is not. The liquidator trades on. */
function quietSince({ gone, obeyed }: Facts, states: readonly TargetState[]): string | undefined {
	const times = states.flatMap(({ spec, action, runs }) => {
		if (action === "Signal") return [obeyed?.get(spec.name)?.at];
		return runs || action === "Start" ? [] : [gone.get(spec.name)?.at];
	});
	if (times.some((time) => time === undefined)) return undefined;
	return times.sort().at(-1) ?? new Date(0).toISOString();
}
