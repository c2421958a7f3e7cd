import type { Hold, TradingSafetyStatus } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import { estopHolds } from "./armed.ts";
import { isHalted } from "./change.ts";
import { observes } from "./enforcement.ts";
import { missingEvidence } from "./evidence.ts";
import { type Facts, isProven } from "./facts.ts";
import { fences } from "./fence.ts";
import { mildestStep, modeOf } from "./modes.ts";
import { auditBehind, isLeftToSpool, type RecordSeen, recordHolds } from "./recording.ts";
import { historyRegressed, regressionHolds } from "./regression.ts";
import { matches } from "./selector.ts";
import { unanswered } from "./signals.ts";
import { targetStates } from "./targets.ts";

/** `status.clearance`. */
export type Clearance = NonNullable<TradingSafetyStatus["clearance"]>;

/** Holds that a reset request may take responsibility for, by the part of their name before the slash. */
const acknowledgeable = ["PodsLeft", "NotAcknowledged", "RestoreRunning", "NotSeen", historyRegressed];

/**
 * The facts that forbid lowering now. `tripsLast` is the time of the last raise or trip (RFC 3339). Where a desk
 * only observes there is nothing to stop, to prove or to bring back first: only a regression and the cooldown hold.
 */
export function holds(desk: TradingSafety, facts: Facts, tripsLast: string | undefined): readonly Hold[] {
	if (!isHalted(desk.spec)) return [];
	if (observes(desk.spec)) return [...regressionHolds(desk), ...cooldownHolds(desk, facts, tripsLast)];
	return [
		...estopHolds(desk, facts.devices),
		...regressionHolds(desk),
		...recordHolds(desk, facts.record),
		...fenceHolds(desk, facts),
		...stopHolds(desk, facts),
		...missingEvidence(desk, facts, targetStates(desk)).map(({ type, message }) => ({
			name: `NotSeen/${type}`,
			message,
		})),
		...restoreHolds(facts),
		...cooldownHolds(desk, facts, tripsLast),
	];
}

/**
 * The clearance that the leader may give: for exactly this generation, down to what was asked for, or else
 * one step. Undefined while a hold stands that the pending request does not acknowledge.
 */
export function clearance(
	desk: TradingSafety,
	standing: readonly Hold[],
	now: string,
	record?: RecordSeen,
): Clearance | undefined {
	if (!isHalted(desk.spec)) return undefined;
	const request = desk.spec.resetRequest;
	const acknowledged = new Set(request?.acknowledgedHolds ?? []);
	const open = standing.filter(({ name }) =>
		name === auditBehind
			? !isLeftToSpool(desk, record)
			: !(acknowledged.has(name) && acknowledgeable.includes(name.split("/")[0] ?? "")),
	);
	if (open.length > 0) return undefined;
	const mode = modeOf(desk.spec.mode);
	const toMode = request?.toMode ?? (request === undefined ? mildestStep(mode) : mode);
	return {
		generation: desk.metadata.generation ?? 0,
		// A frozen desk has to be in Pause at least when its freeze ends.
		toMode: desk.spec.freeze === true && toMode === "Normal" ? "Pause" : toMode,
		time: now,
	};
}

function fenceHolds(desk: TradingSafety, facts: Facts): readonly Hold[] {
	if (isProven(facts.fence, desk.metadata)) return [];
	const label = !fences(facts.enforceLabel);
	return [
		{
			name: "FenceUnproven",
			message: label
				? `the namespace has not the label tradingsafety.dev/enforce=targets or =strict: set it`
				: "error" in facts.fence
					? `the fence was not seen to deny: ${facts.fence.error}`
					: `the fence was last seen to deny at generation ${facts.fence.generation}, not yet at ${desk.metadata.generation}`,
		},
	];
}

function stopHolds(desk: TradingSafety, facts: Facts): readonly Hold[] {
	const states = targetStates(desk);
	const left = states
		.filter((state) => !state.runs && !facts.gone.has(state.spec.name))
		.map((state) => {
			const pods = facts.observed.pods.filter((pod) => matches(state.spec.selector, pod.labels));
			const names = pods.slice(0, 3).map((pod) => pod.name);
			return {
				name: `PodsLeft/${state.spec.name}`,
				message:
					pods.length === 0
						? `target ${state.spec.name}: no pod left in sight, not yet confirmed by a fresh list`
						: `target ${state.spec.name}: ${pods.length} pods not confirmed gone: ${names.join(", ")}${pods.length > 3 ? ", ..." : ""}`,
			};
		});
	const deaf = states
		.filter((state) => state.action === "Signal" && facts.obeyed?.has(state.spec.name) !== true)
		.map((state) => {
			const names = unanswered(state, facts.observed).map((pod) => pod.name);
			return {
				name: `NotAcknowledged/${state.spec.name}`,
				message:
					names.length === 0
						? `target ${state.spec.name}: every pod in sight acknowledged, not yet confirmed by a fresh list`
						: `target ${state.spec.name}: ${names.length} pods have not acknowledged: ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", ..." : ""}`,
			};
		});
	const standing = [...left, ...deaf];
	const owners = facts.stop.filter((effect) => effect.kind !== "DeletePod").length;
	return owners === 0
		? standing
		: [...standing, { name: "OwnersLeft", message: `${owners} workloads are not yet recorded and at zero` }];
}

function restoreHolds(facts: Facts): readonly Hold[] {
	if (facts.restore.done) return [];
	const waiting = facts.restore.waitingFor.join("; ");
	return [
		{
			name: "RestoreRunning",
			message: `target ${facts.restore.stage ?? "?"} is being restored${waiting === "" ? "" : `, waiting for ${waiting}`}`,
		},
	];
}

function cooldownHolds(desk: TradingSafety, facts: Facts, tripsLast: string | undefined): readonly Hold[] {
	const seconds = desk.spec.reset?.cooldownSeconds ?? 0;
	if (seconds === 0 || tripsLast === undefined) return [];
	const end = Date.parse(tripsLast) + seconds * 1000;
	if (Number.isNaN(end) || Date.parse(facts.now) >= end) return [];
	return [{ name: "Cooldown", message: `the cooldown ends at ${new Date(end).toISOString()}` }];
}
