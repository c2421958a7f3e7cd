import { isDeepStrictEqual } from "node:util";
import { freeFields, type ResetRequest, type TradingSafetySpec } from "../crds/spec.ts";
import type { TradingSafety } from "../crds/types.ts";
import { isHalted, isSettingUp } from "./change.ts";
import { observes } from "./enforcement.ts";
import {
	actorOf,
	clip,
	details,
	entityOf,
	type Happening,
	type HappeningKind,
	noReason,
	type RecordedChange,
	recordedState,
	witnessed,
} from "./happening.ts";
import { rank } from "./modes.ts";
import { isMilder, type Sighting, sight, signature, stateWord } from "./sighting.ts";

const mostChanges = 64;
const manual = "Manual";

/**
 * What a new version of a desk's spec has to be recorded as: interventions, trips, requests, configuration. `before` is the version
 * that this replica saw last; undefined: it sees the desk for the first time. `stamped` says that a policy stamps who raised.
 */
export function specHappenings(
	before: TradingSafety | undefined,
	after: TradingSafety,
	stamped: boolean,
): readonly Happening[] {
	if (before === undefined) return [firstSight(after)];
	if (before.metadata.uid !== after.metadata.uid) return [firstSight(after), wentBack(before, after)];
	const [was, is] = [before.metadata.generation ?? 0, after.metadata.generation ?? 0];
	if (is < was || (is === was && !isDeepStrictEqual(before.spec, after.spec)))
		return [wentBack(before, after)];
	if (is === was) return [];
	const seen = { before, after, sighting: sight(after, "", before), stamped, unseen: is - was - 1 };
	return [...moved(seen), ...requested(seen), ...configured(seen)];
}

type Seen = {
	readonly before: TradingSafety;
	readonly after: TradingSafety;
	readonly sighting: Sighting;
	readonly stamped: boolean;
	/** Generations between the two that this replica did not see. */
	readonly unseen: number;
};

function firstSight(after: TradingSafety): Happening {
	const isNew = after.metadata.generation === 1;
	return {
		...about(after, "Transition", isNew ? "Created" : "Observed"),
		actor: actorOf(isNew ? after.spec.setBy : undefined),
		after: recordedState(after),
	};
}

function wentBack(before: TradingSafety, after: TradingSafety): Happening {
	return {
		...about(after, "Exception", "HistoryWentBack"),
		actor: actorOf(undefined),
		before: recordedState(before),
		after: recordedState(after),
		metadata: details({ uidBefore: before.metadata.uid, uid: after.metadata.uid }),
	};
}

/** Mode, freeze, targets by themselves, enforcement, a trip: at most one entry, of the gravest kind. */
function moved(seen: Seen): readonly Happening[] {
	const { before, after, unseen, sighting } = seen;
	const [old, spec] = [before.spec, after.spec];
	const isFresh = spec.trip?.id !== undefined && spec.trip.id !== old.trip?.id;
	const isSame = stateWord(old) === stateWord(spec) && isDeepStrictEqual(ownModes(old), ownModes(spec));
	if (isSame && !isFresh) return [];
	const lowered = isMilder(stateWord(spec), stateWord(old)) || hasLoweredTarget(old, spec);
	const { actor, reason } = signature(sighting, seen.stamped || lowered);
	const { kind, action } = wordsFor(seen, { isSame, isFresh, lowered });
	return [
		{
			...about(after, kind, action),
			actor: actorOf(actor, isFresh ? spec.trip?.source : undefined),
			justification: clip(reason ?? noReason),
			before: recordedState(before),
			after: recordedState(after),
			metadata: details({
				...(isFresh && { ...tripDetails(spec) }),
				...(unseen > 0 && { unseenGenerations: unseen }),
			}),
		},
	];
}

function wordsFor(
	{ before, after, sighting }: Seen,
	{
		isSame,
		isFresh,
		lowered,
	}: { readonly isSame: boolean; readonly isFresh: boolean; readonly lowered: boolean },
): { readonly kind: HappeningKind; readonly action: string } {
	const isLetGo = observes(after.spec) && !observes(before.spec) && isHalted(before.spec);
	if (isLetGo && !isSettingUp(before)) return { kind: "Override", action: "Observe" };
	if (observes(before.spec) !== observes(after.spec)) {
		return { kind: "Intervention", action: observes(after.spec) ? "Observe" : "Enforce" };
	}
	if (lowered) {
		const isCleared = sighting.clearedFor === sighting.generation - 1;
		return isCleared || observes(after.spec)
			? { kind: "Intervention", action: "Lower" }
			: { kind: "Override", action: "LowerUncleared" };
	}
	const byDevice = isFresh && (after.spec.trip?.type ?? manual) !== manual;
	if (isSame) return { kind: "Trip", action: "TrippedAgain" };
	return byDevice ? { kind: "Trip", action: "Raise" } : { kind: "Intervention", action: "Raise" };
}

function tripDetails({ trip }: TradingSafetySpec): Readonly<Record<string, string | undefined>> {
	const detail = Object.entries(trip?.detail ?? {}).map(([name, value]) => [`trip.${name}`, String(value)]);
	return { tripId: trip?.id, tripType: trip?.type, tripAt: trip?.at, ...Object.fromEntries(detail) };
}

function ownModes({ targetModes = {} }: TradingSafetySpec): Readonly<Record<string, string>> {
	return targetModes;
}

function hasLoweredTarget(old: TradingSafetySpec, spec: TradingSafetySpec): boolean {
	const now = ownModes(spec);
	return Object.entries(ownModes(old)).some(
		([name, mode]) => rank(Object.hasOwn(now, name) ? now[name] : "Normal") < rank(mode),
	);
}

/** A request that came, was approved, used, changed or taken back. */
function requested({ before, after }: Seen): readonly Happening[] {
	const [old, request] = [before.spec.resetRequest, after.spec.resetRequest];
	if (isDeepStrictEqual(old, request)) return [];
	if (request === undefined) {
		const isUsed = isMilder(stateWord(after.spec), stateWord(before.spec));
		return [{ ...resetOf(after, isUsed ? "Used" : "Withdrawn", old), actor: actorOf(undefined) }];
	}
	const asked = isDeepStrictEqual(unapproved(old), unapproved(request))
		? []
		: [{ ...resetOf(after, "Requested", request), actor: actorOf(request.requestedBy) }];
	const known = asked.length > 0 ? {} : (old?.approvals ?? {});
	const approved = Object.keys(request.approvals ?? {})
		.filter((name) => !Object.hasOwn(known, name))
		.map((name) => ({ ...resetOf(after, "Approved", request, name), actor: actorOf(name) }));
	return [...asked, ...approved];
}

function unapproved(request: ResetRequest | undefined): object | undefined {
	if (request === undefined) return undefined;
	const { approvals: _approvals, ...rest } = request;
	return rest;
}

function resetOf(
	after: TradingSafety,
	action: string,
	request: ResetRequest | undefined,
	...who: readonly string[]
): Omit<Happening, "actor"> {
	const { reason, fromMode, toMode, tripId, unfreeze, acknowledgedHolds, approvals, requestedBy, targets } =
		request ?? {};
	return {
		...about(after, "Reset", action, ...who),
		...(reason !== undefined && reason !== "" && { justification: clip(reason) }),
		after: recordedState(after),
		metadata: details({
			...{ fromMode, toMode, tripId, unfreeze, requestedBy },
			targets: targets?.join(", "),
			acknowledgedHolds: acknowledgedHolds?.join(", "),
			approvals: Object.keys(approvals ?? {}).join(", "),
		}),
	};
}

/** Everything but what raises and requests. In a halt it took the verb `override`. */
function configured({ before, after, unseen }: Seen): readonly Happening[] {
	const changes = changesBetween(before.spec, after.spec);
	if (changes.length === 0) return [];
	const isOverride = isHalted(before.spec) && !isSettingUp(before);
	return [
		{
			...about(after, isOverride ? "Override" : "Configuration", "Configure"),
			// The stamp tells who moves the mode; who configures is in the audit events of the API server.
			actor: actorOf(undefined),
			...(isOverride && { justification: clip(after.spec.reason || noReason) }),
			before: recordedState(before),
			after: recordedState(after),
			changes: changes.slice(0, mostChanges),
			metadata: details({
				...(changes.length > mostChanges && { changesLeftOut: changes.length - mostChanges }),
				...(unseen > 0 && { unseenGenerations: unseen }),
			}),
		},
	];
}

function changesBetween(old: TradingSafetySpec, spec: TradingSafetySpec): readonly RecordedChange[] {
	const free: readonly string[] = [...freeFields, "enforcement"];
	const fields = [...new Set([...Object.keys(old), ...Object.keys(spec)])].filter(
		(name) => !free.includes(name),
	);
	return fields.flatMap((name) => {
		const [from, to] = [fieldOf(old, name), fieldOf(spec, name)];
		if (name === "targets") return changedTargets(old, spec);
		return isDeepStrictEqual(from, to) ? [] : [change(name, from, to)];
	});
}

function fieldOf(spec: TradingSafetySpec, name: string): unknown {
	return (spec as Readonly<Record<string, unknown>>)[name];
}

function changedTargets(old: TradingSafetySpec, spec: TradingSafetySpec): readonly RecordedChange[] {
	const byName = ({ targets = [] }: TradingSafetySpec) =>
		new Map(targets.map((target) => [target.name, target]));
	const [was, is] = [byName(old), byName(spec)];
	return [...new Set([...was.keys(), ...is.keys()])]
		.filter((name) => !isDeepStrictEqual(was.get(name), is.get(name)))
		.map((name) => change(`targets[${name}]`, was.get(name), is.get(name)));
}

function change(path: string, from: unknown, to: unknown): RecordedChange {
	return {
		path: clip(path, 512),
		...(from !== undefined && { from: clip(JSON.stringify(from)) }),
		...(to !== undefined && { to: clip(JSON.stringify(to)) }),
	};
}

function about(
	desk: TradingSafety,
	kind: HappeningKind,
	action: string,
	...more: readonly string[]
): Pick<Happening, "kind" | "action" | "sameAs" | "entity"> {
	return { kind, action, sameAs: witnessed(desk, kind, action, ...more), entity: entityOf(desk) };
}
