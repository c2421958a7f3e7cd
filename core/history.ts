import type { HistoryRow, TradingSafetyStatus, Transition } from "../crds/status.ts";
import { isMilder, type Sighting, stateWord } from "./sighting.ts";

const rowsKept = 20;
const typesKept = 64;
const otherTypes = "Other";
const manual = "Manual";

/** The parts of status that tell what happened. */
export type Story = Pick<TradingSafetyStatus, "trips" | "history" | "lastTransition">;

/**
 * Continues the story with sightings that are newer than what status already speaks of. The same sightings
 * give the same story on every replica; writes carry the resourceVersion, so that none is counted twice.
 */
export function continueStory(
	status: TradingSafetyStatus | undefined,
	sightings: readonly Sighting[],
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
		story = withTrip(withRow(story, sighting, seen), story, sighting);
		seen = sighting.generation;
	}
	return story;
}

function withRow(story: Story, sighting: Sighting, seen: number): Story {
	const before = story.history?.at(-1)?.to;
	const now = stateWord(sighting.spec);
	const gap = seen > 0 && sighting.generation > seen + 1;
	if (before === now && !gap) return story;
	const from = before ?? "Created";
	const lowered = before !== undefined && isMilder(now, before);
	const row: HistoryRow = {
		generation: sighting.generation,
		from,
		to: now,
		...(sighting.spec.reason && { reason: sighting.spec.reason }),
		...(sighting.spec.setBy && { actor: sighting.spec.setBy }),
		time: sighting.time,
		...(lowered && !gap && sighting.clearedFor !== sighting.generation - 1 && { override: true }),
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

function withTrip(next: Story, before: Story, sighting: Sighting): Story {
	const { spec, generation, time } = sighting;
	const trips = before.trips;
	const fresh = spec.trip?.id !== undefined && spec.trip.id !== trips?.last?.id;
	const last = before.history?.at(-1)?.to;
	const raised = last !== undefined && isMilder(last, stateWord(spec));
	if (!fresh && !raised) return next;
	const asked = fresh ? (spec.trip?.type ?? manual) : manual;
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
				...(spec.setBy && { by: spec.setBy }),
				...(spec.reason && { reason: spec.reason }),
				mode: spec.mode ?? "Emergency",
				time,
				generation,
			},
		},
	};
}
