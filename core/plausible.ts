import type { TargetStatus, TradingSafetyStatus, Transition } from "../crds/status.ts";
import { columns, modes } from "../crds/vocabulary.ts";
import { nothingInForce } from "./observing.ts";
import { isPlausibleTime } from "./times.ts";

const stages = ["fencedAt", "toldAt", "enforcedAt", "confirmedAt", "restoredAt"] as const;

/**
 * What of a status can be so. The API server lets whoever may observe write any text and number into it; what is
 * carried on from one status to the next is looked at here, so that nonsense opens nothing and goes away.
 */
export function plausible(status: TradingSafetyStatus, generation: number, now: string): TradingSafetyStatus {
	const { observedGeneration, modeInForce, trips, targets, lastTransition, history, conditions, ...rest } =
		status;
	const rows = history?.filter((row) => row.generation <= generation && isPlausibleTime(row.time, now));
	const seen =
		observedGeneration !== undefined && observedGeneration >= 0 && observedGeneration <= generation
			? observedGeneration
			: (rows?.at(-1)?.generation ?? 0);
	return {
		...rest,
		...(observedGeneration !== undefined && { observedGeneration: seen }),
		...(isStateWord(modeInForce) && { modeInForce }),
		...(trips && { trips: plausibleTrips(trips, now) }),
		...(targets && { targets: targets.map((target) => plausibleTarget(target, now)) }),
		...(lastTransition &&
			(lastTransition.generation ?? 0) <= generation && {
				lastTransition: plausibleTransition(lastTransition, now),
			}),
		...(rows && { history: rows }),
		...(conditions && {
			conditions: conditions.filter((row) => isPlausibleTime(row.lastTransitionTime, now)),
		}),
	};
}

/** The cooldown counts from the last trip: of one at no time, it counts from now. */
function plausibleTrips(trips: NonNullable<TradingSafetyStatus["trips"]>, now: string) {
	const { total, byType, last } = trips;
	const counts = Object.entries(byType ?? {}).filter(([, count]) => count > 0);
	return {
		...(total !== undefined && { total: Math.max(0, total) }),
		...(byType && { byType: Object.fromEntries(counts) }),
		...(last && { last: isPlausibleTime(last.time, now) ? last : { ...last, time: now } }),
	};
}

function plausibleTarget(target: TargetStatus, now: string): TargetStatus {
	const { recordedAt, fencedSince, ...rest } = target;
	return {
		...rest,
		...(isPlausibleTime(recordedAt, now) && { recordedAt }),
		// Of one at no time, the deadline counts from now.
		...(fencedSince !== undefined && { fencedSince: isPlausibleTime(fencedSince, now) ? fencedSince : now }),
	};
}

function plausibleTransition(transition: Transition, now: string): Transition {
	const bad = stages.filter(
		(stage) => transition[stage] !== undefined && !isPlausibleTime(transition[stage], now),
	);
	const { observedAt } = transition;
	const good = Object.entries(transition).filter(([key]) => !bad.some((stage) => stage === key));
	return {
		...Object.fromEntries(good),
		...(observedAt !== undefined && !isPlausibleTime(observedAt, now) && { observedAt: now }),
	};
}

function isStateWord(word: string | undefined): word is string {
	const [mode = "", ...more] = (word ?? "").split("+");
	return word === nothingInForce || ((modes as readonly string[]).includes(mode) && more.every(isAddition));
}

function isAddition(word: string): boolean {
	return word === columns.at(-1) || word === nothingInForce;
}
