import type { Condition, TargetStatus, TradingSafetyStatus, Transition } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import { isHalted } from "./change.ts";
import {
	actorOf,
	clip,
	details,
	entityOf,
	type Happening,
	type HappeningKind,
	recordedState,
	witnessed,
} from "./happening.ts";
import { auditBehind } from "./recording.ts";

/** Stages of a transition: the field of status that tells when, and the word for it. */
const stages = {
	fencedAt: "Fenced",
	toldAt: "Told",
	enforcedAt: "Enforced",
	confirmedAt: "Confirmed",
	flatAt: "Flat",
	ordersCancelledAt: "OrdersCancelled",
	restoredAt: "Restored",
} as const satisfies Partial<Record<keyof Transition, string>>;

/** Conditions about what is left at the venue. */
const evidenceTypes: readonly string[] = ["Flat", "OrdersCancelled"];
/**
 * Conditions of which each change of status is recorded. Not `AuditCurrent`: the record would tell of itself that it is behind,
 * and be behind by telling it.
 */
const recordedConditions: readonly string[] = ["Armed", "LiquidationImpossible", "ProofTested"];
/** Whoever writes status looks at it again within this time, and then has recorded what is in it. */
const lookedAtMilliseconds = 30_000;

/**
 * What a new status of a desk has to be recorded as: stages of a transition, clearances, what did not answer, who fights a halt.
 * `actor`: who records. `before` is what this replica saw last of the same object.
 */
export function statusHappenings(
	before: TradingSafety | undefined,
	after: TradingSafety,
	actor: string,
): readonly Happening[] {
	if (after.status === undefined) return [];
	const old = before?.metadata.uid === after.metadata.uid ? (before.status ?? {}) : {};
	const tell = teller(after, actor);
	return [
		...reached(old, after.status, tell),
		...cleared(old, after.status, tell),
		...(after.status.targets?.flatMap((target) =>
			ofTarget(
				old.targets?.find(({ name }) => name === target.name),
				target,
				{ desk: after, old },
				tell,
			),
		) ?? []),
		...contested(old, after.status, tell),
		...notRestored(old, after.status, tell),
		...regressed(old, after.status, tell),
		...conditions(old, after.status, tell),
	];
}

/**
 * The desk with the status that it had a while before this one was last written: the newest that a replica, which sees the desk
 * for the first time, may take to be recorded. Whoever wrote the rest may have ended before it was. Undefined where status speaks
 * of another generation, or of none.
 */
export function shortlyBefore(desk: TradingSafety): TradingSafety | undefined {
	const { metadata, status } = desk;
	const until = Date.parse(status?.observedAt ?? "") - lookedAtMilliseconds;
	if (status === undefined || Number.isNaN(until) || status.observedGeneration !== metadata.generation)
		return undefined;
	const isOld = (time: unknown) => typeof time === "string" && Date.parse(time) < until;
	const { lastTransition, clearance, regressed, ...rest } = status;
	const reached = Object.entries(lastTransition ?? {}).filter(
		([field, value]) => !Object.hasOwn(stages, field) || isOld(value),
	);
	return {
		...desk,
		status: {
			...rest,
			...(lastTransition && { lastTransition: Object.fromEntries(reached) }),
			...(clearance && isOld(clearance.time) && { clearance }),
			...(regressed && isOld(regressed.at) && { regressed }),
		},
	};
}

type Tell = (
	kind: HappeningKind,
	action: string,
	which: readonly (string | number | undefined)[],
	metadata: Readonly<Record<string, string | number | undefined>>,
) => Happening;

function teller(after: TradingSafety, actor: string): Tell {
	return (kind, action, which, metadata) => ({
		...{ kind, action, sameAs: witnessed(after, kind, action, ...which), entity: entityOf(after) },
		actor: actorOf(actor),
		after: recordedState(after),
		metadata: details(metadata),
	});
}

function reached(
	old: TradingSafetyStatus,
	{ lastTransition: now }: TradingSafetyStatus,
	tell: Tell,
): readonly Happening[] {
	if (now === undefined) return [];
	const was = old.lastTransition?.generation === now.generation ? old.lastTransition : undefined;
	return Object.entries(stages).flatMap(([field, word]) => {
		const at = now[field as keyof typeof stages];
		if (at === undefined || was?.[field as keyof typeof stages] !== undefined) return [];
		const { generation, from, to, observedAt } = now;
		return [tell("Transition", word, [generation, at], { generation, from, to, observedAt, at })];
	});
}

function cleared(
	{ clearance: was }: TradingSafetyStatus,
	{ clearance: now, holds = [] }: TradingSafetyStatus,
	tell: Tell,
) {
	if (was?.generation === now?.generation && was?.toMode === now?.toMode) return [];
	if (now !== undefined) {
		const { generation, toMode, time } = now;
		const facts = { generation, toMode, time };
		const isUnrecorded = holds.some(({ name }) => name === auditBehind);
		return [
			tell("Reset", "Cleared", [toMode, time], facts),
			// A second person stood in for the store.
			...(isUnrecorded ? [tell("Exception", "ClearedUnrecorded", [toMode, time], facts)] : []),
		];
	}
	const { generation, toMode, time } = was ?? {};
	const standing = holds.map(({ name }) => name).join(", ");
	return [tell("Reset", "ClearanceWithdrawn", [time], { generation, toMode, holds: standing })];
}

/** Pods that were to acknowledge or to go and did not. */
function ofTarget(
	was: TargetStatus | undefined,
	now: TargetStatus,
	{ desk, old }: { readonly desk: TradingSafety; readonly old: TradingSafetyStatus },
	tell: Tell,
): readonly Happening[] {
	const facts = { target: now.name, unconfirmed: now.unconfirmedCount, pods: now.unconfirmed?.join(", ") };
	const isDue = was?.due !== true && now.due === true;
	// What is due is stopped, whatever it answered.
	const isSilent =
		was?.signalled === "Admit" && now.signalled !== "Admit" && now.due !== true && isHalted(desk.spec);
	return [
		...(isSilent ? [tell("Claim", "NotAcknowledged", [now.name], facts)] : []),
		...(isDue ? [tell("Transition", "Due", [now.name], facts)] : []),
		...contradicted(now, isDue, old, desk, tell),
		...(was?.fencedAs !== undefined && now.fencedAs !== was.fencedAs
			? [
					tell("Transition", now.fencedAs === undefined ? "Released" : "HeldAs", [now.name, now.fencedAs], {
						target: now.name,
						from: was.fencedAs,
						to: now.fencedAs ?? "Normal",
					}),
				]
			: []),
	];
}

/**
 * Its pods acknowledged that they close their positions, and the time for it is over, or all of it was seen closed: what Prometheus
 * shows now says otherwise.
 */
function contradicted(
	{ name, due, effective }: TargetStatus,
	isDueNow: boolean,
	old: TradingSafetyStatus,
	{ status }: TradingSafety,
	tell: Tell,
): readonly Happening[] {
	return (status?.conditions ?? []).flatMap((condition) => {
		const { type, reason, message, lastTransitionTime } = condition;
		if (!isLeft(condition)) return [];
		const was = old.conditions?.find((one) => one.type === type)?.status;
		const isLate = due === true && was !== "False";
		const isUndone = effective === "Signal" && was === "True";
		if (!isDueNow && !isLate && !isUndone) return [];
		const which = isDueNow ? [name] : [name, lastTransitionTime];
		return [tell("Claim", `Not${type}`, which, { target: name, reason, message: clip(message) })];
	});
}

/** True for what was seen to be left at the venue. */
function isLeft({ type, status }: Condition): boolean {
	return evidenceTypes.includes(type) && status === "False";
}

function contested(old: TradingSafetyStatus, { contests = [] }: TradingSafetyStatus, tell: Tell) {
	const key = ({ kind, name, manager }: (typeof contests)[number]) => `${kind}/${name}/${manager}`;
	const known = new Set((old.contests ?? []).map(key));
	return contests
		.filter((row) => !known.has(key(row)))
		.map((row) => {
			const { kind, name, manager, target, times, since } = row;
			return tell("Claim", "Contested", [key(row)], { kind, name, manager, target, times, since });
		});
}

function notRestored(old: TradingSafetyStatus, { notRestored: now = [] }: TradingSafetyStatus, tell: Tell) {
	const known = new Set((old.notRestored ?? []).map(({ kind, name }) => `${kind}/${name}`));
	return now
		.filter(({ kind, name }) => !known.has(`${kind}/${name}`))
		.map(({ kind, name, reason }) => tell("Exception", "NotRestored", [kind, name], { kind, name, reason }));
}

function regressed(
	{ regressed: was }: TradingSafetyStatus,
	{ regressed: now }: TradingSafetyStatus,
	tell: Tell,
) {
	if (now === undefined || was?.at === now.at) return [];
	const { at, generation, remembered, found } = now;
	return [tell("Exception", "HistoryRegressed", [at], { at, generation, remembered, found })];
}

function conditions(old: TradingSafetyStatus, now: TradingSafetyStatus, tell: Tell): readonly Happening[] {
	return (now.conditions ?? []).flatMap((condition) => {
		const { type, status, reason, message, lastTransitionTime } = condition;
		const was = old.conditions?.find((one) => one.type === type);
		const isOpen = type === "Fenced" && reason === "FenceOpen" && was?.reason !== "FenceOpen";
		// That nothing is left is a stage of the transition.
		const isRecorded = recordedConditions.includes(type) || isLeft(condition);
		const hasTurned = isRecorded && was !== undefined && was.status !== status;
		if (!isOpen && !hasTurned) return [];
		const facts = { condition: type, from: was?.status, to: status, reason, message: clip(message) };
		return [tell("Exception", `${type}${status}`, [lastTransitionTime], facts)];
	});
}
