import { isDeepStrictEqual } from "node:util";
import type { TradingSafetySpec } from "../crds/spec.ts";
import type { TradingSafety } from "../crds/types.ts";
import { isHalted, isSettingUp } from "./change.ts";
import { observes } from "./enforcement.ts";
import {
	about,
	actorOf,
	change,
	clip,
	details,
	type Happening,
	type HappeningKind,
	noReason,
	type RecordedChange,
	type RecordedState,
	recordedState,
} from "./happening.ts";
import { rank } from "./modes.ts";
import { isMilder, type Sighting, signature, stateWord } from "./sighting.ts";

const manual = "Manual";

/** A step of a desk from one generation to a later one. */
export type Step = {
	readonly before: TradingSafety;
	/** `before`, as entries tell it. */
	readonly was: RecordedState;
	readonly after: TradingSafety;
	readonly sighting: Sighting;
	/** True where a policy stamps who raised. */
	readonly stamped: boolean;
	/** Generations between the two that this replica did not see. */
	readonly unseen: number;
};

/** Mode, freeze, targets by themselves, enforcement, a trip: at most one entry, of the gravest kind. */
export function moved(step: Step): readonly Happening[] {
	const { before, after, unseen, sighting } = step;
	const [old, spec] = [before.spec, after.spec];
	const isFresh = hasNewTrip(old, spec);
	const isSame = !isMoved(old, spec);
	if (isSame && !isFresh) return [];
	const lowered = isMilder(stateWord(spec), stateWord(old)) || hasLoweredTarget(old, spec);
	const { actor, reason } = signature(sighting, step.stamped || lowered);
	const { kind, action } = wordsFor(step, { isSame, isFresh, lowered });
	return [
		{
			...about(after, kind, action),
			actor: actorOf(actor, isFresh ? spec.trip?.source : undefined),
			justification: clip(reason ?? noReason),
			before: step.was,
			after: recordedState(after),
			metadata: details({
				...(isFresh && { ...tripDetails(spec) }),
				...unseenDetails(unseen),
				// Whether it was used, nobody saw.
				...(unseen > 0 && lowered && { clearedFor: sighting.clearedFor }),
			}),
		},
	];
}

/** What told of a halt and is told otherwise now, though nothing moved: its reason and author, its trip under the same id. */
export function rewritten({ before, was, after, sighting, stamped, unseen }: Step): readonly Happening[] {
	const [old, spec] = [before.spec, after.spec];
	const [isNewTrip, isTripChanged] = [hasNewTrip(old, spec), !isDeepStrictEqual(old.trip, spec.trip)];
	const words = isMoved(old, spec) || isNewTrip ? [] : changedFields("", old, spec, ["reason", "setBy"]);
	const trip = isNewTrip ? [] : changedFields("trip.", old.trip, spec.trip);
	const changes = [...words, ...trip];
	if (changes.length === 0) return [];
	// Only who moves something is stamped, and a trip is a move.
	const { actor, reason } = isTripChanged ? signature(sighting, stamped) : {};
	const isGiven = reason !== undefined && reason !== old.reason;
	return [
		{
			...about(after, "Intervention", "Rewrite"),
			actor: actorOf(actor),
			justification: clip(isGiven ? reason : noReason),
			before: was,
			after: recordedState(after),
			changes,
			metadata: details(unseenDetails(unseen)),
		},
	];
}

/** What an entry tells of the trip in spec. */
export function tripDetails({ trip }: TradingSafetySpec): Readonly<Record<string, string | undefined>> {
	const detail = Object.entries(trip?.detail ?? {}).map(([name, value]) => [`trip.${name}`, String(value)]);
	return { tripId: trip?.id, tripType: trip?.type, tripAt: trip?.at, ...Object.fromEntries(detail) };
}

/** What an entry tells of generations that nobody here saw. */
export function unseenDetails(unseen: number): Readonly<Record<string, number>> {
	return unseen > 0 ? { unseenGenerations: unseen } : {};
}

function wordsFor(
	{ before, after, sighting }: Step,
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

function hasNewTrip(old: TradingSafetySpec, { trip }: TradingSafetySpec): boolean {
	return trip?.id !== undefined && trip.id !== old.trip?.id;
}

function isMoved(old: TradingSafetySpec, spec: TradingSafetySpec): boolean {
	return stateWord(old) !== stateWord(spec) || !isDeepStrictEqual(ownModes(old), ownModes(spec));
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

/** Without `names` all fields of both. */
function changedFields(
	prefix: string,
	old: object = {},
	now: object = {},
	names: readonly string[] = [...new Set([...Object.keys(old), ...Object.keys(now)])],
): readonly RecordedChange[] {
	const [was, is] = [new Map(Object.entries(old)), new Map(Object.entries(now))];
	return names
		.filter((name) => !isDeepStrictEqual(was.get(name), is.get(name)))
		.map((name) => change(`${prefix}${name}`, was.get(name), is.get(name)));
}
