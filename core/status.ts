import type {
	Condition,
	NotRestored,
	TargetStatus,
	TradingSafetyStatus,
	Transition,
} from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import { clearance, holds } from "./clearance.ts";
import { findings, isSettled } from "./conditions.ts";
import { standingContests } from "./contest.ts";
import { asEnforced, observes } from "./enforcement.ts";
import { evidenceFinding } from "./evidence.ts";
import { type Facts, isProven } from "./facts.ts";
import type { Finding } from "./finding.ts";
import { continueStory } from "./history.ts";
import { liquidatorNow } from "./liquidator.ts";
import { rank } from "./modes.ts";
import type { Observed, Workload } from "./observed.ts";
import { nothingInForce } from "./observing.ts";
import { decidingTarget, lostRecords } from "./plan.ts";
import { plausible } from "./plausible.ts";
import { recordTold } from "./recording.ts";
import { staysStopped } from "./restore.ts";
import { matches } from "./selector.ts";
import { type Sighting, stateWord } from "./sighting.ts";
import { signalledNow, unanswered } from "./signals.ts";
import { type TargetState, targetStates, targetsOf } from "./targets.ts";
import { laterTime } from "./times.ts";

const namesKept = 50;
/** Of `status.targets`: one more, and the API server would refuse the whole status. */
const rowsMost = 64;
/** The bounds of the schema for texts that are made here. A status that breaks one is refused as a whole. */
const longest = { message: 2048, reason: 128, hold: 1024, pod: 320 };

/**
 * The status that a replica would write from what it knows. It never gives a clearance and never releases:
 * those are for the leader, with {@link withClearance} and the effects of a restore.
 */
export function nextStatus(
	read: TradingSafety,
	facts: Facts,
	sightings: readonly Sighting[],
): TradingSafetyStatus {
	const generation = read.metadata.generation ?? 0;
	const before = plausible(read.status ?? {}, generation, facts.now);
	const desk = { ...read, status: before };
	const story = continueStory(before, sightings, facts.stamped);
	const standing = holds(desk, facts, story.trips?.last?.time).map((hold) => ({
		...hold,
		message: clipped(hold.message, longest.hold),
	}));
	const kept = before.clearance?.generation === generation ? before.clearance : undefined;
	const contests = standingContests(desk, facts);
	const settled = isSettled(desk, facts);
	const inForce = modeInForce(desk, settled);
	const liquidator = liquidatorNow(desk, facts);
	const wasNormal = before.wasNormal === true || (settled && desk.spec.mode === "Normal");
	const record = recordTold(desk, facts.record, facts.now);
	const lastTransition = withStages(story.lastTransition, desk, facts, settled);
	return {
		observedGeneration: generation,
		observedAt: facts.now,
		...(inForce !== undefined && { modeInForce: inForce }),
		...(wasNormal && { wasNormal }),
		...(kept && { clearance: kept }),
		...(before.regressed && { regressed: before.regressed }),
		...(record && { record }),
		holds: standing,
		...(story.trips && { trips: story.trips }),
		targets: targetStatuses(desk, facts),
		notRestored: notRestored(desk, facts, story.lastTransition),
		...(contests.length > 0 && { contests }),
		...(liquidator !== undefined && { liquidator }),
		...(lastTransition && { lastTransition }),
		...(story.history && { history: story.history }),
		conditions: conditions(before.conditions, findings(desk, facts, standing, kept), facts.now, generation),
	};
}

function modeInForce({ spec, status }: TradingSafety, settled: boolean): string | undefined {
	if (settled) return stateWord(spec);
	return observes(spec) ? nothingInForce : status?.modeInForce;
}

/** The status with the clearance that the leader gives or takes back; undefined when nothing changes. */
export function withClearance(
	desk: TradingSafety,
	status: TradingSafetyStatus,
	facts: Facts,
): TradingSafetyStatus | undefined {
	const { clearance: before, ...rest } = status;
	const standing = status.holds ?? [];
	const given = clearance(desk, standing, facts.now, facts.record);
	if (given?.generation === before?.generation && given?.toMode === before?.toMode) return undefined;
	const generation = desk.metadata.generation ?? 0;
	const found = findings(desk, facts, standing, given);
	return {
		...rest,
		...(given && { clearance: given }),
		conditions: conditions(status.conditions, found, facts.now, generation),
	};
}

function conditions(
	before: readonly Condition[] = [],
	found: readonly Finding[],
	now: string,
	generation: number,
): readonly Condition[] {
	return found.map((finding) => {
		const old = before.find((condition) => condition.type === finding.type);
		const since = old !== undefined && old.status === finding.status ? old.lastTransitionTime : now;
		const reason = clipped(finding.reason, longest.reason);
		const message = clipped(finding.message, longest.message);
		return { ...finding, reason, message, observedGeneration: generation, lastTransitionTime: since };
	});
}

/** The start of a text, never half a character. */
function clipped(text: string, most: number): string {
	return text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

function targetStatuses(desk: TradingSafety, facts: Facts): readonly TargetStatus[] {
	const states = targetStates(desk);
	const before = desk.status?.targets ?? [];
	const strangers = before.filter(
		(target) => target.fencedAs !== undefined && !states.some((state) => state.spec.name === target.name),
	);
	const planned = observes(desk.spec) ? targetStates(asEnforced(desk)) : [];
	const unrecorded = new Set(
		facts.stop.flatMap((effect) => (effect.kind === "CreateRecord" ? [effect.target] : [])),
	);
	return [
		...states.map((state, index) =>
			targetStatus(state, planned[index], before, facts, unrecorded.has(state.spec.name)),
		),
		...strangers,
	].slice(0, rowsMost);
}

function targetStatus(
	state: TargetState,
	/** The state that Enforce would give it, while the desk only observes. */
	planned: TargetState | undefined,
	before: readonly TargetStatus[],
	{ observed, gone, obeyed, now }: Facts,
	unrecorded: boolean,
): TargetStatus {
	const name = state.spec.name;
	const pods = observed.pods.filter((pod) => matches(state.spec.selector, pod.labels));
	const workloads = observed.workloads.filter((workload) => matches(state.spec.selector, workload.labels));
	const held = planned === undefined ? heldColumn(state) : state.held;
	const signalled = signalledNow(state, observed);
	const isEmergency = state.wanted === "Emergency" || held === "Emergency";
	const isDue = isEmergency && (state.due === true || observed.due?.has(name) === true);
	const was = before.find((target) => target.name === name);
	const fencedSince = held === undefined ? undefined : held === state.held ? was?.fencedSince : now;
	const startAllowed =
		state.action === "Start" && before.some((target) => target.name === name && target.startAllowed);
	// By the API server's clock, not ours: of workloads made later this says nothing.
	const recordedAt =
		unrecorded || state.runs
			? state.recordedAt
			: workloads.reduce(
					(latest, workload) => laterTime(latest, workload.createdAt),
					laterTime(state.recordedAt, undefined),
				);
	// Forgotten while the desk only observes, a record that somebody deletes would later be guessed as 0.
	const keepsRecordedAt = !state.runs || planned?.runs === false;
	const isConfirmed = gone.has(name) || obeyed?.has(name) === true;
	const unconfirmed = (isConfirmed ? [] : state.action === "Signal" ? unanswered(state, observed) : pods)
		.map((pod) => (pod.node === undefined ? pod.name : `${pod.name} on ${pod.node}`))
		.map((text) => clipped(text, longest.pod))
		.sort();
	return {
		name,
		effective: state.action,
		...(planned && { planned: planned.action }),
		...(held !== undefined && { fencedAs: held }),
		...(startAllowed && { startAllowed }),
		...(signalled !== undefined && { signalled }),
		...(isDue && { due: true }),
		...(fencedSince !== undefined && { fencedSince }),
		...(keepsRecordedAt && recordedAt && { recordedAt }),
		pods: pods.length,
		workloads: workloads.length,
		...((!state.runs || state.action === "Signal") && {
			unconfirmedCount: unconfirmed.length,
			unconfirmed: unconfirmed.slice(0, namesKept),
		}),
	};
}

/** Raises what status holds to what is wanted; never lowers it. */
function heldColumn(state: TargetState): TargetState["held"] {
	if (state.wanted === "Normal") return state.held;
	return state.held === undefined || rank(state.wanted) > rank(state.held) ? state.wanted : state.held;
}

function withStages(
	transition: Transition | undefined,
	desk: TradingSafety,
	facts: Facts,
	settled: boolean,
): Transition | undefined {
	if (transition === undefined) return undefined;
	// Nothing of what is only observed happened.
	if (observes(desk.spec)) return transition;
	const effects = facts.stop;
	const states = targetStates(desk);
	const stages = {
		fencedAt: isProven(facts.fence, desk.metadata),
		toldAt: effects.every((effect) => effect.kind !== "DeletePod"),
		enforcedAt: effects.length === 0,
		confirmedAt: settled,
		flatAt: evidenceFinding("flat", desk, facts, states).status === "True",
		ordersCancelledAt: evidenceFinding("ordersCancelled", desk, facts, states).status === "True",
		restoredAt: settled && states.every((state) => state.admits || !state.runsInNormal),
	};
	const reached = Object.entries(stages).filter(([, is]) => is);
	// Unlike the other stages these may turn out not to be so.
	const { flatAt, ordersCancelledAt, ...rest } = transition;
	return {
		...Object.fromEntries(reached.map(([stage]) => [stage, facts.now])),
		...rest,
		...(stages.flatAt && flatAt !== undefined && { flatAt }),
		...(stages.ordersCancelledAt && ordersCancelledAt !== undefined && { ordersCancelledAt }),
	};
}

/** What was stopped and does not come back by itself. A row goes when somebody mended it, or with a new halt. */
function notRestored(
	desk: TradingSafety,
	facts: Facts,
	transition: Transition | undefined,
): readonly NotRestored[] {
	const states = targetStates(desk);
	const { pods, workloads, records } = facts.observed;
	const bare = pods
		.filter((pod) => !pod.owned && decidingTarget(states, pod.labels)?.runs === false)
		.map((pod) => ({ kind: "Pod", name: pod.name, reason: "NoOwner: nothing makes it again" }));
	const strays = workloads
		.filter((workload) => records.has(workload.uid) && targetsOf(states, workload.labels).length === 0)
		.map(({ kind, name }) => ({ kind, name, reason: "NoTarget: no target selects it any more" }));
	const newHalt =
		transition?.from === "Normal" && transition.generation !== desk.status?.lastTransition?.generation;
	const earlier = (newHalt ? [] : (desk.status?.notRestored ?? [])).filter(
		(row) => !row.reason.startsWith("NoTarget") && !isMended(row, facts.observed, bare),
	);
	const all = [
		...earlier,
		...bare,
		...notRestoredRows([
			...lostRecords(states, facts.observed),
			...facts.restore.notRestored,
			...workloads.filter((workload) => staysStopped(workload, facts.observed)),
		]),
		...strays,
	];
	const key = (row: NotRestored) => `${row.kind}/${row.name}`;
	return [...new Map(all.map((row) => [key(row), row])).values()].slice(0, namesKept);
}

/** Rows of `status.notRestored` for workloads that come out of a halt at zero and stay there. */
export function notRestoredRows(workloads: readonly Workload[]): readonly NotRestored[] {
	return workloads.map(({ kind, name, notRestored }) => ({
		kind,
		name,
		reason: notRestored ?? "NoRecord: it stands at zero and nobody recorded what it was",
	}));
}

function isMended(row: NotRestored, { pods, workloads }: Observed, bare: readonly NotRestored[]): boolean {
	if (row.kind === "Pod") {
		return pods.some((pod) => pod.name === row.name) && !bare.some((other) => other.name === row.name);
	}
	const workload = workloads.find((other) => other.kind === row.kind && other.name === row.name);
	return workload === undefined || workload.replicas > 0;
}

/** True when two statuses say the same, but for the times in them. */
export function saysTheSame(a: TradingSafetyStatus | undefined, b: TradingSafetyStatus): boolean {
	return a !== undefined && withoutTimes(a) === withoutTimes(b);
}

function withoutTimes(status: TradingSafetyStatus): string {
	return JSON.stringify(sorted(status)).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "T");
}

function sorted(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(sorted);
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
	return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}
