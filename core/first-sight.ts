import type { TradingSafetySpec } from "../crds/spec.ts";
import type { TradingSafety } from "../crds/types.ts";
import { about, actorOf, details, type Happening, type RecordedState, recordedState } from "./happening.ts";
import { modeOf } from "./modes.ts";
import { moved, tripDetails } from "./move-happenings.ts";
import { sight } from "./sighting.ts";

/**
 * What a desk that this replica sees for the first time has to be recorded as. Where it moved since the generation of which its
 * status speaks, nobody was there to see it: that is the intervention that it was, from what status remembers.
 */
export function firstSight(after: TradingSafety, stamped: boolean): Happening {
	const isNew = after.metadata.generation === 1;
	const { resetRequest: request, setBy, reason } = after.spec;
	const said = details({
		...{ "spec.setBy": setBy, "spec.reason": reason },
		...{ requestedBy: request?.requestedBy, approvals: Object.keys(request?.approvals ?? {}).join(", ") },
	});
	const seen = {
		...about(after, "Transition", isNew ? "Created" : "Observed"),
		actor: actorOf(isNew ? setBy : undefined),
		after: recordedState(after),
		metadata: { ...said, ...details(tripDetails(after.spec)) },
	};
	const remembered = rememberedOf(after);
	if (remembered === undefined) return seen;
	const { was, spec } = remembered;
	const unseen = (after.metadata.generation ?? 0) - was.generation - 1;
	const before = { ...after, spec };
	const sighting = { ...sight(after, ""), before: spec };
	const [move] = moved({ before, was, after, sighting, stamped, unseen });
	const facts = details({ unseenGenerations: unseen, beforeBy: "status" });
	return {
		...(move ?? { ...seen, before: was }),
		metadata: { ...said, ...(move ?? seen).metadata, ...facts },
	};
}

/** How it stood at the generation of which status speaks; undefined where that is the present one, or nothing is known. */
function rememberedOf({
	metadata,
	spec,
	status = {},
}: TradingSafety): { readonly was: RecordedState; readonly spec: TradingSafetySpec } | undefined {
	const { observedGeneration = 0, history = [], trips, modeInForce } = status;
	const row = history.at(-1);
	const isEarlier = observedGeneration > 0 && observedGeneration < (metadata.generation ?? 0);
	if (row === undefined || !isEarlier) return undefined;
	const [word, ...more] = row.to.split("+");
	const [mode, freeze, isObserved] = [modeOf(word), more.includes("Freeze"), more.includes("Observe")];
	const enforcement = isObserved ? "Observe" : "Enforce";
	const { trip: _trip, ...rest } = spec;
	const trip = trips?.last;
	const isTripLater = (trip?.generation ?? 0) > row.generation;
	return {
		was: {
			generation: observedGeneration,
			values: {
				...{ mode, freeze: String(freeze), enforcement },
				...(modeInForce !== undefined && { inForce: modeInForce }),
			},
		},
		// What status does not tell is taken to be as it is: it then is no change. So is an author of whom it knows nothing.
		spec: {
			...rest,
			...{ mode, freeze, enforcement },
			...known("setBy", isTripLater ? trip?.by : row.actor),
			...known("reason", isTripLater ? trip?.reason : row.reason),
			...(trip?.id !== undefined && { trip: { ...spec.trip, id: trip.id } }),
		},
	};
}

function known<Name extends string>(name: Name, value: string | undefined) {
	return (value === undefined ? {} : { [name]: value }) as { readonly [name in Name]?: string };
}
