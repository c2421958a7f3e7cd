import type { HistoryRow, TradingSafetyStatus, Transition } from "../crds/status.ts";
import { isHalted, isSettingUp } from "./change.ts";
import { observes } from "./enforcement.ts";
import { isMilder, isObserved, type Sighting, signature, stateWord } from "./sighting.ts";

const rowsKept = 20;
const typesKept = 64;
const otherTypes = "Other";
const manual = "Manual";

/** The parts of status that tell what happened. */
export type Story = Pick<TradingSafetyStatus, "trips" | "history" | "lastTransition">;

/**
 * Continues the story with sightings that are newer than what status already speaks of. The same sightings
 * give the same story on every replica; writes carry the resourceVersion, so that none is counted twice.
 * `stamped` says that a policy was seen to stamp who raised.
 */
export function continueStory(
	status: TradingSafetyStatus | undefined,
	sightings: readonly Sighting[],
	stamped: boolean,
): Story {
	let seen = status?.observedGeneration ?? 0;
	let story: Story = {
		...(status?.trips && { trips: status.trips }),
		...(status?.history && { history: status.history }),
		...(status?.lastTransition && { lastTransition: status.lastTransition }),
	};
	const newer = sightings.filter((sighting) => sighting.generation > seen);
	for (const sighting of newer.toSorted((a, b) => a.generation - b.generation)) {
		if (sighting.generation === seen) continue;
		story = withTrip(withRow(story, sighting, seen, status, stamped), story, sighting, stamped);
		seen = sighting.generation;
	}
	return story;
}

function withRow(
	story: Story,
	sighting: Sighting,
	seen: number,
	status: TradingSafetyStatus | undefined,
	stamped: boolean,
): Story {
	const before = story.history?.at(-1)?.to;
	const now = stateWord(sighting.spec);
	const gap = seen > 0 && sighting.generation > seen + 1;
	if (before === now && !gap) return story;
	const from = before ?? "Created";
	const lowered = before !== undefined && isMilder(now, before);
	const uncleared = lowered && sighting.clearedFor !== sighting.generation - 1;
	const letGo = before !== undefined && !isObserved(before) && isLetGo(sighting, status);
	const row: HistoryRow = {
		generation: sighting.generation,
		from,
		to: now,
		...signature(sighting, stamped || (lowered && !gap)),
		time: sighting.time,
		...((uncleared || letGo) && !gap && { override: true }),
		...(gap && { gap: true }),
	};
	const transition: Transition = {
		generation: sighting.generation,
		from,
		to: now,
		observedAt: sighting.time,
	};
	return {
		...story,
		history: [...(story.history ?? []), row].slice(-rowsKept),
		...(before !== now && { lastTransition: transition }),
	};
}

/** True for a halt that is only observed, where that took the verb `override`. */
function isLetGo({ spec }: Sighting, status: TradingSafetyStatus | undefined): boolean {
	return observes(spec) && isHalted(spec) && !isSettingUp({ spec, ...(status && { status }) });
}

function withTrip(next: Story, before: Story, sighting: Sighting, stamped: boolean): Story {
	const { spec, generation, time } = sighting;
	const trips = before.trips;
	const fresh = spec.trip?.id !== undefined && spec.trip.id !== trips?.last?.id;
	const last = before.history?.at(-1)?.to;
	const raised = last !== undefined && isMilder(last, stateWord(spec));
	if (!fresh && !raised) return next;
	const asked = fresh ? (spec.trip?.type ?? manual) : manual;
	const { actor, reason } = signature(sighting, stamped);
	const byType = trips?.byType ?? {};
	// People name types: `constructor` must not be found on the prototype.
	const known = (name: string) => (Object.hasOwn(byType, name) ? (byType[name] ?? 0) : 0);
	const type = known(asked) > 0 || Object.keys(byType).length < typesKept - 1 ? asked : otherTypes;
	return {
		...next,
		trips: {
			total: (trips?.total ?? 0) + 1,
			byType: { ...byType, [type]: known(type) + 1 },
			last: {
				...(spec.trip?.id !== undefined && { id: spec.trip.id }),
				type,
				...(fresh && spec.trip?.source !== undefined && { source: spec.trip.source }),
				...(actor && { by: actor }),
				...(reason && { reason }),
				mode: spec.mode ?? "Emergency",
				time,
				generation,
				...(observes(spec) && { observed: true }),
			},
		},
	};
}
