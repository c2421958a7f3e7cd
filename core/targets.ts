import {
	type ActionTable,
	actionSeverity,
	defaultDeadlineSeconds,
	noPreset,
	presets,
	signalledStarts,
} from "../crds/presets.ts";
import type { TargetSpec, TradingSafetySpec } from "../crds/spec.ts";
import type { TargetStatus, TradingSafetyStatus } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import { type Action, type Column, columns, type SignalState } from "../crds/vocabulary.ts";
import { observes } from "./enforcement.ts";
import { columnOf, modeOf, moreSevere, rank } from "./modes.ts";
import { type Labels, matches } from "./selector.ts";

/** What holds for a target now, joined over what is wanted and what is not yet released. */
export type TargetState = {
	readonly spec: TargetSpec;
	/** The column that spec asks for. */
	readonly wanted: Column;
	/** The column that status still holds against it, if any. */
	readonly held?: Column;
	/** The more severe of the actions of both. Run, whatever they are, while the desk only observes. */
	readonly action: Action;
	/** True when its pods may go on running: Run, Keep, Signal, or Start that the leader allowed. */
	readonly runs: boolean;
	/** True when new pods of it may be made: the same, but for Signal only where the mode and `signalled` let them. */
	readonly admits: boolean;
	/** How far permits reach it, as status says; undefined where Signal is carried out as Stop. */
	readonly signalled?: SignalState;
	/** True for one that Emergency stops when the desk is flat, or at the deadline. */
	readonly stopsLater: boolean;
	/** True once its time in Emergency is over: Signal and Keep have become Stop. */
	readonly due?: true;
	/** Since when every workload of it had its record, in this halt (RFC 3339). */
	readonly recordedAt?: string;
	/** Whether Normal lets it run, so that a restore has something to bring back. */
	readonly runsInNormal: boolean;
};

/** The parts of a TradingSafety that these decisions look at. */
export type DeskView = { readonly spec: TradingSafetySpec; readonly status?: TradingSafetyStatus };

/** The column that spec asks for, for one target: Freeze, or the more severe of mode and the target's own mode. */
export function wantedColumn(spec: TradingSafetySpec, targetName: string): Column {
	if (spec.freeze === true) return "Freeze";
	const own = spec.targetModes;
	const ofTarget = own !== undefined && Object.hasOwn(own, targetName) ? modeOf(own[targetName]) : "Normal";
	return moreSevere(modeOf(spec.mode), ofTarget);
}

/**
 * True when `after` may let run what `before`, or a version in between that was not seen, had stopped. A false one
 * costs a list; a missed one could take a halted workload for one that nobody stopped.
 */
export function mayBringBack(before: TradingSafety, after: TradingSafety): boolean {
	if (before.metadata.uid !== after.metadata.uid) return true;
	if (after.metadata.generation !== (before.metadata.generation ?? 0) + 1) return true;
	return (after.spec.targets ?? []).some(
		({ name }) => rank(wantedColumn(after.spec, name)) < rank(wantedColumn(before.spec, name)),
	);
}

/** The action that a target's own words or its preset give for a column. */
export function wantedAction(target: TargetSpec, column: Column): Action {
	const override =
		column === "Pause"
			? target.onPause
			: column === "Reduce"
				? target.onReduce
				: column === "Emergency"
					? target.onEmergency
					: undefined;
	return override?.action ?? table(target)[column];
}

/**
 * True when the action table of a target gets milder towards the more severe columns, Start apart: a raise
 * would open it. The policies refuse such a target.
 */
export function getsMilder(target: TargetSpec): boolean {
	const severities = columns
		.map((column) => wantedAction(target, column))
		.filter((action) => action !== "Start")
		.map((action) => actionSeverity[action]);
	return severities.some((severity, index) => severity < (severities[index - 1] ?? 0));
}

function table(target: TargetSpec): ActionTable {
	return target.preset === undefined ? noPreset : (presets[target.preset] ?? noPreset);
}

/**
 * The state of each target of a desk, in the order of spec. Those of `due` are told no longer, but stopped, before
 * status says so.
 */
export function targetStates(desk: DeskView, due?: ReadonlySet<string>): readonly TargetState[] {
	return (desk.spec.targets ?? []).map((spec) => targetState(desk, spec, due?.has(spec.name) === true));
}

function targetState(desk: DeskView, spec: TargetSpec, isDue: boolean): TargetState {
	const wanted = wantedColumn(desk.spec, spec.name);
	const status = desk.status?.targets?.find((target) => target.name === spec.name);
	const held = status?.fencedAs === undefined ? undefined : columnOf(status.fencedAs);
	const isEmergency = wanted === "Emergency" || held === "Emergency";
	const isOver = isEmergency && (isDue || status?.due === true);
	const signalled = isOver || spec.signal === undefined ? undefined : status?.signalled;
	const later = stopsLater(desk.spec, spec);
	const joined = [wanted, ...(held === undefined ? [] : [held])].map((column) => {
		const asked = wantedAction(spec, column);
		const now = later && column === "Emergency" ? forNow(asked, status) : asked;
		const action = observes(desk.spec) ? "Run" : carriedOut(now, signalled);
		// What is to be stopped later goes on, and nothing new is made of it: the fence knows of no later.
		return { action, admits: !(asked === "Stop" && action === "Keep") && admits(action, column, status) };
	});
	const action = joined.map((one) => one.action).reduce(severer);
	return {
		spec,
		wanted,
		...(held !== undefined && { held }),
		action,
		runs: action === "Signal" || joined.every((one) => one.admits || one.action === "Keep"),
		admits: joined.every((one) => one.admits),
		...(signalled !== undefined && { signalled }),
		...(isOver && { due: true as const }),
		stopsLater: later,
		...(status?.recordedAt !== undefined && { recordedAt: status.recordedAt }),
		runsInNormal: wantedAction(spec, "Normal") !== "Stop",
	};
}

/**
 * What is done for now to what Emergency stops later. Only what status says ends it: a leader that does not know it yet
 * would bring back what others stop.
 */
function forNow(asked: Action, status: TargetStatus | undefined): Action {
	if (asked === "Signal") return asked;
	return status?.due === true ? "Stop" : "Keep";
}

/** Signal needs permits that reach every pod; where they do not, it is Stop, the more severe, in core and fence alike. */
function carriedOut(wanted: Action, signalled: SignalState | undefined): Action {
	return wanted === "Signal" && signalled === undefined ? "Stop" : wanted;
}

const severer = (a: Action, b: Action): Action => (actionSeverity[a] >= actionSeverity[b] ? a : b);

function admits(action: Action, column: Column, status: TargetStatus | undefined): boolean {
	switch (action) {
		case "Run":
		case "Keep":
			return true;
		case "Signal":
			return signalledStarts.some((one) => one === column) && status?.signalled === "Admit";
		case "Start":
			return status?.startAllowed === true;
		case "Stop":
			return false;
	}
}

/** True when some mode tells this target by permits. */
export function asksForSignal(target: TargetSpec): boolean {
	return columns.some((column) => wantedAction(target, column) === "Signal");
}

/**
 * True for a target that Emergency stops later: when the desk is flat, or at the deadline. What is told always is; what
 * is kept where its table says so; and the way to the venue, where it can be seen whether there is anything to close.
 */
function stopsLater({ flat, prometheus }: TradingSafetySpec, target: TargetSpec): boolean {
	const action = wantedAction(target, "Emergency");
	if (action !== "Stop")
		return action === "Signal" || (action === "Keep" && target.onEmergency?.stop !== undefined);
	const isGateway = target.preset === "Gateway" && target.onEmergency?.action === undefined;
	return isGateway && flat !== undefined && prometheus !== undefined;
}

/** Seconds after Emergency was asked for until a target that is told by permits is stopped. */
export function deadlineSeconds(target: TargetSpec): number {
	return target.onEmergency?.stop?.deadlineSeconds ?? defaultDeadlineSeconds;
}

/** The targets that select these labels. */
export function targetsOf(states: readonly TargetState[], labels: Labels): readonly TargetState[] {
	return states.filter((state) => matches(state.spec.selector, labels));
}

/** Seconds of grace for a pod of this target: its own word, 2 from Emergency on, else the pod's own (undefined). */
export function gracePeriodSeconds(state: TargetState): number | undefined {
	const column = state.held === undefined ? state.wanted : moreSevere(state.wanted, state.held);
	switch (column) {
		case "Normal":
			return undefined;
		case "Pause":
			return state.spec.onPause?.gracePeriodSeconds;
		case "Reduce":
			return state.spec.onReduce?.gracePeriodSeconds;
		case "Emergency":
		case "Freeze":
			return state.spec.onEmergency?.gracePeriodSeconds ?? 2;
	}
}
