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
	/** The generation that a clearance in this version was good for. */
	readonly clearedFor?: number;
	/** When it was seen, RFC 3339. */
	readonly time: string;
};

/** The sighting of one version of a desk. */
export function sight(desk: TradingSafety, time: string): Sighting {
	const clearedFor = desk.status?.clearance?.generation;
	return {
		generation: desk.metadata.generation ?? 0,
		spec: desk.spec,
		...(clearedFor !== undefined && { clearedFor }),
		time,
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
