import type { TradingSafety } from "../crds/types.ts";
import type { Column } from "../crds/vocabulary.ts";
import { asEnforced, observes } from "./enforcement.ts";
import { rank } from "./modes.ts";
import type { Observed, Recorded, Workload } from "./observed.ts";
import { decidingTarget, isRestorable } from "./plan.ts";
import { type TargetState, targetStates } from "./targets.ts";

/** One call to the API server on the way up. The leader alone makes them, with a fresh read before each. */
export type RestoreEffect =
	/** Lift one target's fence to the column that is wanted now. */
	| { readonly kind: "Release"; readonly target: string; readonly to: Column }
	/** Let the pods of a Start target be created: the others are confirmed stopped. */
	| { readonly kind: "AllowStart"; readonly target: string }
	| { readonly kind: "Scale"; readonly workload: Workload; readonly replicas: number }
	| { readonly kind: "DeleteRecord"; readonly record: Recorded };

/** What the leader does next on the way up, and what it waits for. */
export type RestoreStep = {
	readonly effects: readonly RestoreEffect[];
	/** The target whose stage is open, while one is. */
	readonly stage?: string;
	/** What it waits for, for people. */
	readonly waitingFor: readonly string[];
	/** Workloads that come out of a halt at zero without a record: nobody knows what they were. */
	readonly withoutRecord: readonly Workload[];
	/** True when nothing is left to release, start or restore. */
	readonly done: boolean;
};

const nothing = { effects: [], waitingFor: [], withoutRecord: [] };
const waitIn = (stage: string, waitingFor: readonly string[]): RestoreStep => ({
	...nothing,
	stage,
	waitingFor,
	done: false,
});
const actIn = (stage: string, effects: readonly RestoreEffect[]): RestoreStep => ({
	...nothing,
	stage,
	effects,
	done: false,
});

/**
 * The next step of a restore. One target at a time, in the order of spec: released, its workloads scaled to
 * what was recorded, and the stage is over when they are Ready.
 * `gone` names the targets whose pods were confirmed gone at this generation. A liquidator must be gone, and
 * its leave to start withdrawn, before anything is released; it starts only when all others are gone.
 * A desk that only observes brings nothing back and starts nothing.
 */
export function restoreStep(desk: TradingSafety, observed: Observed, gone: ReadonlySet<string>): RestoreStep {
	if (!observes(desk.spec)) return enforcedStep(desk, observed, gone);
	const { done, stage } = enforcedStep(asEnforced(desk), observed, gone);
	const waitingFor = done ? [] : ["spec.enforcement to be Enforce"];
	return { ...nothing, ...(stage !== undefined && { stage }), waitingFor, done };
}

function enforcedStep(desk: TradingSafety, observed: Observed, gone: ReadonlySet<string>): RestoreStep {
	const states = targetStates(desk);
	for (const state of states) {
		const step = stage(desk, states, state, observed, gone);
		if (step !== undefined) return step;
	}
	const deleted = [...observed.records.values()].filter(
		(record) => !observed.workloads.some((workload) => workload.uid === record.workloadUid),
	);
	if (deleted.length > 0 && states.every((state) => state.admits || !state.runsInNormal)) {
		return { ...nothing, effects: deleted.map((record) => ({ kind: "DeleteRecord", record })), done: false };
	}
	return { ...nothing, done: true };
}

function stage(
	desk: TradingSafety,
	states: readonly TargetState[],
	state: TargetState,
	observed: Observed,
	gone: ReadonlySet<string>,
): RestoreStep | undefined {
	const name = state.spec.name;
	const mine = observed.workloads.filter(
		(workload) => decidingTarget(states, workload.labels)?.spec.name === name,
	);
	if (isHeldAbove(state)) {
		const rivals = states
			.filter((other) => !other.runsInNormal && other.action === "Stop")
			.filter((other) => !gone.has(other.spec.name) || mayStart(desk, other))
			.map((other) => `target ${other.spec.name} to be confirmed stopped`);
		if (rivals.length > 0) return waitIn(name, rivals);
		const lost = mine.filter((workload) => state.runsInNormal && isLost(states, workload, observed));
		return { ...actIn(name, [{ kind: "Release", target: name, to: state.wanted }]), withoutRecord: lost };
	}
	if (state.action === "Start") return start(states, state, mine, gone);
	return state.admits ? bringBack(name, mine, observed) : undefined;
}

function start(
	states: readonly TargetState[],
	state: TargetState,
	mine: readonly Workload[],
	gone: ReadonlySet<string>,
): RestoreStep | undefined {
	const name = state.spec.name;
	if (!state.admits) {
		const others = states
			.filter((other) => (other.action === "Stop" || other === state) && !gone.has(other.spec.name))
			.map((other) => `target ${other.spec.name} to be confirmed stopped`);
		return others.length > 0 ? waitIn(name, others) : actIn(name, [{ kind: "AllowStart", target: name }]);
	}
	const column = state.wanted === "Reduce" ? state.spec.onReduce : state.spec.onEmergency;
	const replicas = column?.replicas ?? 1;
	const wrong = mine.filter((workload) => workload.replicas !== replicas);
	if (wrong.length > 0) {
		return actIn(
			name,
			wrong.map((workload) => ({ kind: "Scale", workload, replicas })),
		);
	}
	const late = notReady(mine);
	return late.length > 0 ? waitIn(name, late) : undefined;
}

function bringBack(name: string, mine: readonly Workload[], observed: Observed): RestoreStep | undefined {
	const recorded = mine.flatMap((workload) => {
		const record = observed.records.get(workload.uid);
		return record === undefined ? [] : [{ workload, record }];
	});
	if (recorded.length === 0) return undefined;
	const atZero = recorded.filter(({ workload, record }) => workload.replicas === 0 && record.replicas > 0);
	if (atZero.length > 0) {
		return actIn(
			name,
			atZero.map(({ workload, record }) => ({ kind: "Scale", workload, replicas: record.replicas })),
		);
	}
	// Somebody may have chosen another number since the release: Ready is judged by what stands there now.
	const late = notReady(recorded.map(({ workload }) => workload));
	if (late.length > 0) return waitIn(name, late);
	return actIn(
		name,
		recorded.map(({ record }) => ({ kind: "DeleteRecord", record })),
	);
}

/** True when status holds the target at a column more severe than what is wanted now. */
export function isHeldAbove(state: TargetState): boolean {
	if (state.held === undefined) return false;
	return rank(state.held) > rank(state.wanted) || state.wanted === "Normal";
}

function mayStart(desk: TradingSafety, state: TargetState): boolean {
	return (
		desk.status?.targets?.some((target) => target.name === state.spec.name && target.startAllowed) === true
	);
}

function isLost(states: readonly TargetState[], workload: Workload, observed: Observed): boolean {
	return workload.replicas === 0 && !observed.records.has(workload.uid) && isRestorable(states, workload);
}

function notReady(workloads: readonly Workload[]): readonly string[] {
	return workloads
		.filter((workload) => workload.ready < workload.replicas)
		.map(({ kind, name, ready, replicas }) => `${kind} ${name} to be Ready (${ready} of ${replicas})`);
}
