import type { PresetName } from "../crds/presets.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Column } from "../crds/vocabulary.ts";
import { asEnforced, observes } from "./enforcement.ts";
import { rank } from "./modes.ts";
import type { Observed, Recorded, Workload, WorkloadName } from "./observed.ts";
import { decidingTarget, isRestorable } from "./plan.ts";
import { matches } from "./selector.ts";
import { isReadyForSignal, isTold, unanswered } from "./signals.ts";
import { type TargetState, targetStates } from "./targets.ts";

/** One call to the API server on the way up. The leader alone makes them, with a fresh read before each. */
export type RestoreEffect =
	/** Lift one target's fence to the column that is wanted now. */
	| { readonly kind: "Release"; readonly target: string; readonly to: Column }
	/** Take Signal for what it says from now on, and not for Stop: every pod of the target acknowledges permits. */
	| { readonly kind: "AllowSignal"; readonly target: string }
	/** Let the pods of a Start target be created: the others are confirmed stopped. */
	| { readonly kind: "AllowStart"; readonly target: string }
	| {
			readonly kind: "Scale";
			readonly workload: Workload;
			readonly replicas: number;
			/** What it was before the halt, and must still be there: without it somebody else has finished. */
			readonly record?: Recorded;
	  }
	/** Scale one that has no pod to zero, from where its record brings it back: see {@link RestoreStep.podless}. */
	| ({ readonly kind: "AskAnew" } & Returning)
	| { readonly kind: "DeleteRecord"; readonly record: Recorded };

/** A workload that comes back, and what it was. */
export type Returning = { readonly workload: Workload; readonly record: Recorded };

/** What the leader does next on the way up, and what it waits for. */
export type RestoreStep = {
	readonly effects: readonly RestoreEffect[];
	/** The target whose stage is open, while one is. */
	readonly stage?: string;
	/** What it waits for, for people. */
	readonly waitingFor: readonly string[];
	/**
	 * Workloads of the open stage that stand where they were and have no pod at all. Controllers of Kubernetes wait
	 * up to 1,000 s before they try again to create a pod that the fence denied time after time (client-go's
	 * default rate limiter), unless the workload changes.
	 */
	readonly podless?: readonly Returning[];
	/** Workloads that come out of a halt at zero and stay there: without a record, or of a kind not restored. */
	readonly notRestored: readonly Workload[];
	/** True when nothing is left to release, start or restore. */
	readonly done: boolean;
};

const nothing = { effects: [], waitingFor: [], notRestored: [] };
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

/** Who comes back before whom: what watches risk, then the way to the venue, then what trades, then what decides. */
const order: Readonly<Record<PresetName, number>> = {
	Risk: 0,
	Gateway: 1,
	Bot: 2,
	Liquidator: 2,
	Strategy: 3,
};

function inOrder(states: readonly TargetState[]): readonly TargetState[] {
	const place = ({ spec }: TargetState) => order[spec.preset ?? "Bot"] ?? order.Bot;
	return states.toSorted((a, b) => place(a) - place(b));
}

/**
 * The next step of a restore. One target at a time: Risk, Gateway, Bot, Strategy, and in the order of spec within
 * each; released, its workloads scaled to
 * what was recorded, and the stage is over when they are Ready.
 * `gone` names the targets whose pods were confirmed gone, or told, at this generation. A liquidator must be gone, and
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
	if (observed.doubted === true) {
		return { ...nothing, waitingFor: ["what is in the namespace to be listed again"], done: false };
	}
	const states = targetStates(desk);
	for (const state of inOrder(states)) {
		const step = stage(desk, states, state, observed, gone);
		if (step !== undefined) return step;
	}
	const deleted = [...observed.records.values()].filter(
		(record) =>
			record.unseen !== true && !observed.workloads.some((workload) => workload.uid === record.workloadUid),
	);
	if (deleted.length > 0 && states.every((state) => state.admits || !state.runsInNormal)) {
		return { ...nothing, effects: deleted.map((record) => ({ kind: "DeleteRecord", record })), done: false };
	}
	const ready = states.filter((state) => isReadyForSignal(state, observed)).slice(0, 1);
	const allowed = ready.map(({ spec: { name } }) => ({ kind: "AllowSignal", target: name }) as const);
	return { ...nothing, effects: allowed, done: true };
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
		const notRestored = mine.filter(
			(workload) =>
				(state.runsInNormal && isLost(states, workload, observed)) || staysStopped(workload, observed),
		);
		return { ...actIn(name, [{ kind: "Release", target: name, to: state.wanted }]), notRestored };
	}
	if (state.action === "Start") return start(states, state, mine, gone);
	return state.admits ? bringBack(state, mine, observed) : undefined;
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
			.filter((other) => other.action === "Stop" || other.action === "Signal" || other === state)
			.filter((other) => !gone.has(other.spec.name))
			.map(({ spec, action }) =>
				action === "Signal"
					? `target ${spec.name} to acknowledge`
					: `target ${spec.name} to be confirmed stopped`,
			);
		return others.length > 0 ? waitIn(name, others) : actIn(name, [{ kind: "AllowStart", target: name }]);
	}
	const column = state.wanted === "Reduce" ? state.spec.onReduce : state.spec.onEmergency;
	const replicas = column?.replicas ?? 1;
	const scaled = new Set(mine.flatMap(({ scales }) => (scales === undefined ? [] : [nameOf(scales)])));
	const wrong = mine.flatMap((workload): RestoreEffect[] => {
		if (workload.over === true) return [];
		const wanted = workload.switched === true ? 1 : replicas;
		// What an autoscaler makes of it is for the autoscaler.
		const right = scaled.has(nameOf(workload)) ? workload.replicas > 0 : workload.replicas === wanted;
		return right ? [] : [{ kind: "Scale", workload, replicas: wanted }];
	});
	if (wrong.length > 0) return actIn(name, wrong);
	const late = notReady(mine);
	return late.length > 0 ? waitIn(name, late) : undefined;
}

function bringBack(
	state: TargetState,
	mine: readonly Workload[],
	observed: Observed,
): RestoreStep | undefined {
	const name = state.spec.name;
	const recorded = mine.flatMap((workload) => {
		const record = observed.records.get(workload.uid);
		return record === undefined ? [] : [{ workload, record }];
	});
	const unseen = [...observed.records.values()]
		.filter((record) => record.unseen === true && record.target === name)
		.filter((record) => !recorded.some(({ workload }) => workload.uid === record.workloadUid))
		.map((record) => `${record.kind} ${record.name} to be seen again (condition KindsWatched)`);
	if (recorded.length === 0) return unseen.length > 0 ? waitIn(name, unseen) : undefined;
	const atZero = recorded.filter(
		({ workload, record }) =>
			workload.replicas === 0 && record.replicas > 0 && workload.notRestored === undefined,
	);
	if (atZero.length > 0) {
		// An autoscaler that is still told to hold zero would undo the rest.
		const autoscalers = atZero.filter(({ workload }) => workload.scales !== undefined);
		return actIn(
			name,
			(autoscalers.length > 0 ? autoscalers : atZero).map(({ workload, record }) => ({
				kind: "Scale",
				workload,
				replicas: record.replicas,
				record,
			})),
		);
	}
	// Somebody may have chosen another number since the release: Ready is judged by what stands there now.
	const late = [
		...notReady(recorded.map(({ workload }) => workload)),
		...unseen,
		...notAcknowledged(state, observed),
	];
	if (late.length > 0) {
		const podless = recorded.filter(
			({ workload, record }) => workload.replicas === record.replicas && isPodless(workload, observed),
		);
		return { ...waitIn(name, late), podless };
	}
	return actIn(
		name,
		recorded.map(({ record }) => ({ kind: "DeleteRecord", record })),
	);
}

/** What came back is paused until all is back: the next stage waits until its pods have acknowledged that. */
function notAcknowledged(state: TargetState, observed: Observed): readonly string[] {
	if (!isTold(state) || observed.signals === undefined || observed.signals.problem !== undefined) return [];
	const pods = unanswered(state, observed);
	if (pods.length === 0) return [];
	const names = pods.slice(0, 3).map(({ name }) => name);
	return [
		`${pods.length} pods to acknowledge their permit: ${names.join(", ")}${pods.length > 3 ? ", ..." : ""}`,
	];
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

/** True for a workload that this halt stopped and that only a person may start again. */
export function staysStopped(workload: Workload, observed: Observed): boolean {
	const record = observed.records.get(workload.uid);
	return workload.notRestored !== undefined && workload.replicas === 0 && (record?.replicas ?? 0) > 0;
}

function isPodless({ replicas, ready, labels, switched, scales }: Workload, { pods }: Observed): boolean {
	if (switched === true || scales !== undefined || replicas === 0 || ready > 0) return false;
	return !pods.some((pod) => matches({ matchLabels: labels }, pod.labels));
}

const nameOf = ({ kind, name }: WorkloadName) => `${kind}/${name}`;

function notReady(workloads: readonly Workload[]): readonly string[] {
	return workloads
		.filter((workload) => workload.ready < workload.replicas)
		.map(
			({ kind, name, ready, replicas, hint }) =>
				`${kind} ${name} to be Ready (${ready} of ${replicas}${hint === undefined ? "" : `; ${hint}`})`,
		);
}
