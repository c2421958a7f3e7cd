import { isDeepStrictEqual } from "node:util";
import { freeFields, type TradingSafetySpec } from "../crds/spec.ts";
import type { TradingSafety } from "../crds/types.ts";
import { isHalted, isSettingUp } from "./change.ts";
import { firstSight } from "./first-sight.ts";
import {
	about,
	actorOf,
	change,
	clip,
	details,
	type Happening,
	noReason,
	type RecordedChange,
	recordedState,
} from "./happening.ts";
import { moved, rewritten, type Step, unseenDetails } from "./move-happenings.ts";
import { requested } from "./reset-happenings.ts";
import { sight } from "./sighting.ts";

const mostChanges = 64;

/**
 * What a new version of a desk's spec has to be recorded as: interventions, trips, requests, configuration. `before` is the version
 * that this replica saw last; undefined: it sees the desk for the first time. `stamped` says that a policy stamps who raised.
 */
export function specHappenings(
	before: TradingSafety | undefined,
	after: TradingSafety,
	stamped: boolean,
): readonly Happening[] {
	if (before === undefined) return [firstSight(after, stamped)];
	if (before.metadata.uid !== after.metadata.uid)
		return [firstSight(after, stamped), wentBack(before, after)];
	const [was, is] = [before.metadata.generation ?? 0, after.metadata.generation ?? 0];
	if (is < was || (is === was && !isDeepStrictEqual(before.spec, after.spec)))
		return [wentBack(before, after)];
	if (is === was) return [];
	const step = {
		...{ before, was: recordedState(before), after, stamped },
		...{ sighting: sight(after, "", before), unseen: is - was - 1 },
	};
	return [...moved(step), ...rewritten(step), ...requested(step), ...configured(step)];
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

/** Everything but what raises and requests. In a halt it took the verb `override`. */
function configured({ before, was, after, unseen }: Step): readonly Happening[] {
	const changes = changesBetween(before.spec, after.spec);
	if (changes.length === 0) return [];
	const { reason = "" } = after.spec;
	// What stood there before is somebody else's, and of what nobody saw it may be of another change.
	const isGiven = unseen === 0 && reason !== "" && reason !== before.spec.reason;
	const isOverride = isHalted(before.spec) && !isSettingUp(before);
	return [
		{
			...about(after, isOverride ? "Override" : "Configuration", "Configure"),
			// The stamp tells who moves the mode; who configures is in the audit events of the API server.
			actor: actorOf(undefined),
			...(isOverride && { justification: clip(isGiven ? reason : noReason) }),
			before: was,
			after: recordedState(after),
			changes: changes.slice(0, mostChanges),
			metadata: details({
				...(changes.length > mostChanges && { changesLeftOut: changes.length - mostChanges }),
				...unseenDetails(unseen),
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
