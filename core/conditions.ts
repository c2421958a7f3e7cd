import type { Hold } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import { enforceLabel } from "../crds/vocabulary.ts";
import { armed, latencyBudget, proofTested } from "./armed.ts";
import { isHalted } from "./change.ts";
import type { Clearance } from "./clearance.ts";
import { contested } from "./contest.ts";
import { observes } from "./enforcement.ts";
import { evidenceFinding, missingEvidence } from "./evidence.ts";
import { type Facts, isProven } from "./facts.ts";
import { fences } from "./fence.ts";
import { type Finding, finding } from "./finding.ts";
import { guarded } from "./guards.ts";
import { kindsWatched } from "./kinds.ts";
import { impossibleWords } from "./label-syntax.ts";
import { liquidationImpossible } from "./liquidation.ts";
import { rank } from "./modes.ts";
import { keptFromBefore, plannedWork, unenforced } from "./observing.ts";
import { evidenceKinds } from "./readings.ts";
import { auditCurrent } from "./recording.ts";
import { historyIntact } from "./regression.ts";
import { rehearsed } from "./rehearsal.ts";
import { isHeldAbove } from "./restore.ts";
import { matches } from "./selector.ts";
import { raiseKeyAvailable, signalAvailable } from "./signals.ts";
import { type TargetState, targetStates, targetsOf } from "./targets.ts";

/** What is found of a desk. Each True says what was seen and when. */
export function findings(
	desk: TradingSafety,
	facts: Facts,
	holds: readonly Hold[],
	clearance: Clearance | undefined,
): readonly Finding[] {
	const states = targetStates(desk);
	return [
		confirmed(desk, facts, states),
		enforced(desk, facts, states),
		fenced(desk, facts),
		cleared(desk, holds, clearance),
		armed(desk, facts.devices),
		...((desk.spec.estop?.devices ?? []).length > 0 ? [latencyBudget(desk, facts.devices)] : []),
		...[proofTested(desk, facts.devices, facts.now)].filter((found) => found !== undefined),
		auditCurrent(desk, facts.record, facts.now),
		rehearsed(desk, facts),
		guarded(desk, facts.now, facts.guards),
		restored(desk, facts, states),
		selecting(facts, states),
		distinct(facts, states),
		signalAvailable(facts.observed, states),
		...[raiseKeyAvailable(facts.observed, states)].filter((found) => found !== undefined),
		...evidenceKinds.map((kind) => evidenceFinding(kind, desk, facts, states)),
		liquidationImpossible(facts, states),
		kindsWatched(facts),
		contested(desk, facts),
		historyIntact(desk),
	];
}

/** True when what spec asks for is in force: nothing left to stop, release, start or restore. */
export function isSettled(desk: TradingSafety, facts: Facts): boolean {
	return unsettled(desk, facts, targetStates(desk)) === undefined;
}

function unsettled(
	desk: TradingSafety,
	facts: Facts,
	states: readonly TargetState[],
): readonly [reason: string, message: string] | undefined {
	if (observes(desk.spec)) {
		const why = unenforced(desk, facts);
		return why === undefined ? undefined : ["Observing", why];
	}
	const stopped = states.filter((state) => !state.runs);
	const told = states.filter((state) => state.action === "Signal");
	if (stopped.length + told.length > 0 && !isProven(facts.fence, desk.metadata)) {
		return ["FenceUnproven", "the fence was not seen to deny at this generation"];
	}
	const unheld = [...stopped, ...told].find(isBehind);
	if (unheld !== undefined) return ["NotHeld", `target ${unheld.spec.name} is not yet held in status`];
	const left = stopped.filter((state) => !facts.gone.has(state.spec.name));
	if (left.length > 0) {
		return ["PodsLeft", `not confirmed stopped: ${left.map((state) => state.spec.name).join(", ")}`];
	}
	const deaf = told.filter((state) => facts.obeyed?.has(state.spec.name) !== true);
	if (deaf.length > 0) {
		return [
			"NotAcknowledged",
			`not every pod acknowledged: ${deaf.map((state) => state.spec.name).join(", ")}`,
		];
	}
	const unseen = missingEvidence(desk, facts, states)[0];
	if (unseen !== undefined) return [unseen.reason, `${unseen.type} is not seen: ${unseen.message}`];
	const effects = facts.stop;
	if (effects.length > 0) return ["StopRunning", `${effects.length} things still to do to stop`];
	if (!facts.restore.done) {
		const { stage, waitingFor } = facts.restore;
		return [
			"RestoreRunning",
			`target ${stage ?? "?"}${waitingFor.length > 0 ? ` waits for ${waitingFor.join("; ")}` : " is being restored"}`,
		];
	}
	return undefined;
}

/**
 * True while status does not hold the target at what is wanted yet. Until then its action is that of the milder
 * column where that is Stop: a Start would count as stopped, and as confirmed before anything was started.
 */
function isBehind({ wanted, held }: TargetState): boolean {
	return wanted !== "Normal" && (held === undefined || rank(held) < rank(wanted));
}

function confirmed(desk: TradingSafety, facts: Facts, states: readonly TargetState[]): Finding {
	const why = unsettled(desk, facts, states);
	if (why !== undefined) return finding("Confirmed", "False", ...why);
	const stopped = states.filter((state) => !state.runs);
	const told = states.filter((state) => state.action === "Signal");
	if (stopped.length + told.length === 0) {
		return finding("Confirmed", "True", "Running", `nothing is to be stopped, seen at ${facts.now}`);
	}
	const since = (from: Facts["obeyed"], of: readonly TargetState[]) =>
		of.map((state) => from?.get(state.spec.name)?.at ?? "").sort()[0];
	const said = [
		...(stopped.length === 0
			? []
			: [`no pod of ${stopped.length} stopped targets, listed at ${since(facts.gone, stopped)} or later`]),
		...(told.length === 0
			? []
			: [
					`every pod of ${told.length} targets acknowledged, listed at ${since(facts.obeyed, told)} or later`,
				]),
	];
	return finding(
		"Confirmed",
		"True",
		told.length === 0 ? "NothingLeft" : "Acknowledged",
		`${said.join("; ")}; the fence denies at generation ${desk.metadata.generation}`,
	);
}

function enforced(desk: TradingSafety, facts: Facts, states: readonly TargetState[]): Finding {
	if (observes(desk.spec)) {
		return finding("Enforced", "False", "Observing", `${plannedWork(facts)}; nothing was touched`);
	}
	const { stop: effects, now } = facts;
	const count = (kind: string) => effects.filter((effect) => effect.kind === kind).length;
	if (effects.length > 0) {
		return finding(
			"Enforced",
			"False",
			"StopRunning",
			`${count("DeletePod")} pods to tell, ${count("CreateRecord") + count("ClaimRecord")} workloads to record, ${count("ScaleToZero")} to scale to zero`,
		);
	}
	const stopped = states.filter((state) => !state.runs).length;
	return finding(
		"Enforced",
		"True",
		stopped === 0 ? "NothingToStop" : "Stopped",
		stopped === 0
			? `nothing is to be stopped, seen at ${now}`
			: `every pod of ${stopped} targets told to stop and every owner at zero, seen at ${now}`,
	);
}

function fenced(desk: TradingSafety, facts: Facts): Finding {
	if (observes(desk.spec)) {
		const { status, message } = proof(desk, facts);
		const would =
			status === "True" ? `the fence works (${message})` : `and the fence is not proven: ${message}`;
		return finding(
			"Fenced",
			"False",
			"Observing",
			`nothing is denied while the desk only observes; ${would}`,
		);
	}
	return proof(desk, facts);
}

/** What was last seen of the fence. */
function proof(desk: TradingSafety, facts: Facts): Finding {
	const { namespace } = desk.metadata;
	if (!fences(facts.enforceLabel)) {
		return facts.enforceLabel === undefined
			? finding(
					"Fenced",
					"False",
					"NamespaceNotLabelled",
					`label namespace ${namespace} with ${enforceLabel}=targets; until then new pods are not denied, only deleted`,
				)
			: finding(
					"Fenced",
					"False",
					"NamespaceObserved",
					`label namespace ${namespace} with ${enforceLabel}=targets; with =${facts.enforceLabel} whoever makes a pod is warned, and nothing is denied`,
				);
	}
	if ("error" in facts.fence) {
		const { error, open } = facts.fence;
		return open === true
			? finding("Fenced", "False", "FenceOpen", error)
			: finding("Fenced", "Unknown", "ProbeFailed", error);
	}
	if (!isProven(facts.fence, desk.metadata)) {
		return finding(
			"Fenced",
			"Unknown",
			"ProbeBehind",
			`the fence denied at generation ${facts.fence.generation}, not yet at ${desk.metadata.generation}`,
		);
	}
	return finding(
		"Fenced",
		"True",
		"ProbeDenied",
		`a dry run was denied at generation ${facts.fence.generation}, seen at ${facts.fence.at}`,
	);
}

function cleared(desk: TradingSafety, holds: readonly Hold[], clearance: Clearance | undefined): Finding {
	if (!isHalted(desk.spec)) return finding("Cleared", "False", "NothingToLower", "the desk is in Normal");
	if (clearance !== undefined && clearance.generation === desk.metadata.generation) {
		return finding(
			"Cleared",
			"True",
			"NoHold",
			`cleared for generation ${clearance.generation} down to ${clearance.toMode}, at ${clearance.time}`,
		);
	}
	const [first] = holds;
	return first === undefined
		? finding("Cleared", "False", "WaitingForLeader", `no hold stands; the leader has not cleared yet`)
		: finding("Cleared", "False", first.name.split("/")[0] ?? "Hold", first.message);
}

function restored(desk: TradingSafety, facts: Facts, states: readonly TargetState[]): Finding {
	const open = finding("Restored", "True", "Open", `every target is released, seen at ${facts.now}`);
	if (observes(desk.spec)) {
		const kept = keptFromBefore(desk, facts);
		if (kept === undefined) return open;
		return finding("Restored", "False", "Observing", `${kept}: nothing is brought back`);
	}
	const { done, stage, waitingFor } = facts.restore;
	if (!done) {
		return finding(
			"Restored",
			"False",
			waitingFor.length > 0 ? "Waiting" : "Running",
			`stage ${stage ?? "?"}${waitingFor.length > 0 ? ` waits for ${waitingFor.join("; ")}` : ""}`,
		);
	}
	const held = states.filter((state) => !state.admits || isHeldAbove(state)).length;
	return held > 0 ? finding("Restored", "False", "Stopped", `${held} targets are stopped`) : open;
}

function selecting({ observed }: Facts, states: readonly TargetState[]): Finding {
	const empty = states.filter(
		({ spec }) =>
			!observed.workloads.some((workload) => matches(spec.selector, workload.labels)) &&
			!observed.pods.some((pod) => matches(spec.selector, pod.labels)),
	);
	const impossible = states
		.filter(({ spec }) => impossibleWords(spec.selector).length > 0)
		.map(({ spec }) => `${spec.name} (${impossibleWords(spec.selector).slice(0, 3).join(", ")})`);
	if (impossible.length > 0) {
		return finding(
			"TargetsFound",
			"False",
			"ImpossibleSelector",
			`no pod can carry what these targets select by, check the selector: ${impossible.join("; ")}`,
		);
	}
	return empty.length === 0
		? finding("TargetsFound", "True", "Selected", `${states.length} targets select something`)
		: finding(
				"TargetsFound",
				"False",
				"SelectsNothing",
				`no workload and no pod matches target ${empty.map((state) => state.spec.name).join(", ")}: check the selector`,
			);
}

function distinct({ observed }: Facts, states: readonly TargetState[]): Finding {
	const claimed = [...observed.workloads, ...observed.pods].flatMap((thing) => {
		const names = targetsOf(states, thing.labels).map((state) => state.spec.name);
		return names.length > 1 ? [`${thing.name} (${names.join(", ")})`] : [];
	});
	return claimed.length === 0
		? finding("TargetsDistinct", "True", "Distinct", "nothing belongs to two targets")
		: finding(
				"TargetsDistinct",
				"False",
				"Overlap",
				`${claimed.length} belong to two targets, the more severe action holds: ${claimed.slice(0, 5).join("; ")}`,
			);
}
