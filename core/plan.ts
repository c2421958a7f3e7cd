import { actionSeverity } from "../crds/presets.ts";
import type { TradingSafety } from "../crds/types.ts";
import {
	leastGraceSeconds,
	type Observed,
	type Pod,
	type Recorded,
	type Signals,
	type Workload,
} from "./observed.ts";
import { isToStop } from "./signals.ts";
import { gracePeriodSeconds, type TargetState, targetStates, targetsOf } from "./targets.ts";

/**
 * One call to the API server on the way down. Each is harmless when it was made before, and when another
 * replica makes it at the same time.
 */
export type StopEffect =
	| { readonly kind: "DeletePod"; readonly pod: Pod; readonly graceSeconds?: number }
	| { readonly kind: "CreateRecord"; readonly workload: Workload; readonly target: string }
	/** Claims a record of an earlier halt, so that a leader that is done with it cannot delete it any more. */
	| { readonly kind: "ClaimRecord"; readonly workload: Workload; readonly record: Recorded }
	/** `record`: of what it is to come back to; absent where nothing brings it back. */
	| { readonly kind: "ScaleToZero"; readonly workload: Workload; readonly record?: Recorded };

/** The target that decides over these labels: the first of those with the most severe action. */
export function decidingTarget(
	states: readonly TargetState[],
	labels: Pod["labels"],
): TargetState | undefined {
	return targetsOf(states, labels).reduce<TargetState | undefined>(
		(found, state) =>
			found === undefined ||
			actionSeverity[state.action] > actionSeverity[found.action] ||
			(found.runs && !state.runs)
				? state
				: found,
		undefined,
	);
}

/**
 * What must still be done so that nothing runs that the desk does not admit. Level-based: it looks at the
 * desk and at what is, never at what happened. Pods first; they need no record. A workload is scaled to zero
 * only once its record was seen, so that a crash between the two loses nothing.
 */
export function stopPlan(desk: TradingSafety, observed: Observed): readonly StopEffect[] {
	const states = targetStates(desk, observed.due);
	if (states.every((state) => state.runs) && (observed.signals?.silent.size ?? 0) === 0) return [];
	return [
		...observed.pods.flatMap((pod) => stopPod(states, pod, observed.signals)),
		...observed.workloads.flatMap((workload) => stopWorkload(desk, states, workload, observed)),
	];
}

function stopPod(
	states: readonly TargetState[],
	pod: Pod,
	signals: Signals | undefined,
): readonly StopEffect[] {
	const target = decidingTarget(states, pod.labels);
	if (target === undefined || (target.runs && !isToStop(target, pod, signals))) return [];
	// Its controller makes another at once: that one meets a closed door, if somebody is there to close it.
	if (target.runs && target.signalled === "Admit" && signals?.overdue?.has(pod.uid) !== true) return [];
	const grace = gracePeriodSeconds(target) ?? (pod.hasty === true ? leastGraceSeconds : undefined);
	const tooSlow = pod.stopping !== undefined && grace !== undefined && pod.stopping.graceSeconds > grace;
	if (pod.stopping !== undefined && !tooSlow) return [];
	return [{ kind: "DeletePod", pod, ...(grace !== undefined && { graceSeconds: grace }) }];
}

function stopWorkload(
	desk: TradingSafety,
	states: readonly TargetState[],
	workload: Workload,
	observed: Observed,
): readonly StopEffect[] {
	const target = decidingTarget(states, workload.labels);
	if (target === undefined || target.runs) return [];
	if (!isRestorable(states, workload)) {
		return workload.replicas > 0 ? [{ kind: "ScaleToZero", workload }] : [];
	}
	const record = observed.records.get(workload.uid);
	if (record === undefined) {
		return isRecordLost(target, workload)
			? []
			: [{ kind: "CreateRecord", workload, target: target.spec.name }];
	}
	if (workload.replicas === 0) return [];
	// Whatever else stands there was written in another halt, for an object that was made anew, or by hand.
	return record.heldAt !== (desk.metadata.generation ?? 0)
		? [{ kind: "ClaimRecord", workload, record }]
		: [{ kind: "ScaleToZero", workload, record }];
}

/** Stopped workloads whose record somebody deleted. */
export function lostRecords(states: readonly TargetState[], observed: Observed): readonly Workload[] {
	return observed.workloads.filter((workload) => {
		const target = decidingTarget(states, workload.labels);
		if (target === undefined || target.runs || !isRestorable(states, workload)) return false;
		return !observed.records.has(workload.uid) && isRecordLost(target, workload);
	});
}

/**
 * True for a workload at zero without a record, made no later than one of its target when all of them had theirs:
 * what it was is lost, and 0 would be a guess. Both times are of the API server's clock. A time that is none
 * proves nothing, and counts as lost.
 */
function isRecordLost(target: TargetState, workload: Workload): boolean {
	return (
		workload.replicas === 0 &&
		target.recordedAt !== undefined &&
		workload.createdAt !== undefined &&
		!(Date.parse(workload.createdAt) > Date.parse(target.recordedAt))
	);
}

/** True when some mode brings this workload back: one that is stopped in Normal, too, needs no record. */
export function isRestorable(states: readonly TargetState[], workload: Workload): boolean {
	return targetsOf(states, workload.labels).every((state) => state.runsInNormal);
}
