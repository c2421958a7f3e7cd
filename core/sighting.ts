import type { TradingSafety } from "../crds/types.ts";
import { observes } from "./enforcement.ts";
import { rank } from "./modes.ts";

/**
 * One version of a desk as a replica saw it. Replicas keep every version that the watch showed them, so that
 * history has no gap while one of them was looking.
 */
export type Sighting = {
	readonly generation: number;
	readonly spec: TradingSafety["spec"];
	/** The spec of the generation right before it; absent when that one was not seen. */
	readonly before?: TradingSafety["spec"];
	/** The generation that a clearance in this version was good for. */
	readonly clearedFor?: number;
	/** When it was seen, RFC 3339. */
	readonly time: string;
};

/** The sighting of one version of a desk, given the version that was seen before it. */
export function sight(desk: TradingSafety, time: string, last?: TradingSafety): Sighting {
	const clearedFor = desk.status?.clearance?.generation;
	const generation = desk.metadata.generation ?? 0;
	const follows = last?.metadata.uid === desk.metadata.uid && last.metadata.generation === generation - 1;
	return {
		generation,
		spec: desk.spec,
		...(follows && { before: last.spec }),
		...(clearedFor !== undefined && { clearedFor }),
		time,
	};
}

/**
 * Who made this version, and why. Where no policy stamps, a raise may leave the author and the reason of an earlier
 * change standing, so both are known only where they are new or `checked` by the rules of a lowering.
 */
export function signature(
	{ generation, spec, before }: Sighting,
	checked: boolean,
): { readonly actor?: string; readonly reason?: string } {
	const known = (field: "setBy" | "reason") =>
		checked || generation === 1 || (before !== undefined && before[field] !== spec[field]);
	return {
		...(spec.setBy && known("setBy") && { actor: spec.setBy }),
		...(spec.reason && known("reason") && { reason: spec.reason }),
	};
}

/** What stands, in one word: the mode, with `+Freeze` when frozen, and `+Observe` where nothing is enforced. */
export function stateWord(spec: TradingSafety["spec"]): string {
	return `${spec.mode ?? "Emergency"}${spec.freeze === true ? "+Freeze" : ""}${observes(spec) ? "+Observe" : ""}`;
}

/** True for the word of a desk that only observed. */
export function isObserved(word: string): boolean {
	return word.endsWith("+Observe");
}

/** True when the first word is milder than the second in mode or freeze. */
export function isMilder(word: string, than: string): boolean {
	const [mode, ...rest] = word.split("+");
	const [otherMode, ...otherRest] = than.split("+");
	return rank(mode) < rank(otherMode) || (otherRest.includes("Freeze") && !rest.includes("Freeze"));
}
