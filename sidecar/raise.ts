import { modeOf, moreSevere, rank } from "../core/modes.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Mode } from "../crds/vocabulary.ts";

/** What is raised and why: as it goes into `spec`. Each press makes another one, also in a halt. */
export type Raise = {
	readonly mode: Mode;
	readonly trip: {
		readonly id: string;
		/** Serial of the device. */
		readonly source: string;
		/** RFC 3339, by the clock of this machine. */
		readonly at: string;
		readonly type: string;
		readonly detail?: Readonly<Record<string, string>>;
	};
};

/**
 * The merge patch (RFC 7396) that raises a desk. Where what is known of it is more severe, the patch says that: it must
 * not lower, and must raise again what is lowered at this moment.
 */
export function raisePatch({ mode, trip }: Raise, known: TradingSafety | undefined): object {
	const wanted = known === undefined ? mode : moreSevere(mode, modeOf(known.spec.mode));
	return { spec: { mode: wanted, trip: { detail: null, ...trip } } };
}

/** True for a desk that is at least as severe and names this very trip: what was asked for a reset before is void. */
export function isShown({ mode, trip }: Raise, desk: TradingSafety): boolean {
	return rank(modeOf(desk.spec.mode)) >= rank(mode) && desk.spec.trip?.id === trip.id;
}
