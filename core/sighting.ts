import type { TradingSafety } from "../crds/types.ts";
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

/** What stands, in one word: the mode, with `+Freeze` when frozen. */
export function stateWord(spec: TradingSafety["spec"]): string {
	return `${spec.mode ?? "Emergency"}${spec.freeze === true ? "+Freeze" : ""}`;
}

/** True when the first word is milder than the second in mode or freeze. */
export function isMilder(word: string, than: string): boolean {
	const [mode, freeze] = word.split("+");
	const [otherMode, otherFreeze] = than.split("+");
	return rank(mode) < rank(otherMode) || (freeze === undefined && otherFreeze !== undefined);
}
