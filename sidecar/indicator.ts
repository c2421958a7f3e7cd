import { rank } from "../core/modes.ts";
import type { Column } from "../crds/vocabulary.ts";
import type { Indication, Light, Rhythm } from "./devices/profile.ts";

/** One desk as the sidecar sees it. A status that is too old is no observation: `confirmed` is Unknown then. */
export type DeskView = {
	/** What is asked for, a freeze included. */
	readonly wanted: Column;
	/** What status says is in force. */
	readonly inForce: Column;
	readonly confirmed: "True" | "False" | "Unknown";
	readonly auditBehind: boolean;
};

/** All that lights and sound tell of. */
export type Panel = {
	/** The desks that pin this device. */
	readonly desks: readonly DeskView[];
	/** A press, or a fault that raises, which some desk does not show yet. */
	readonly tripping: boolean;
	/** The device works, and a press of it would get through. */
	readonly armed: boolean;
	/** It is being tested: a press raises other desks than one that pins it. */
	readonly tested: boolean;
	/** Somebody has heard the buzzer and silenced it. */
	readonly silenced: boolean;
};

/**
 * What a device shows: what is confirmed, not what is wished for. It is never off: off means that nobody is there.
 *
 * | shown | means |
 * | --- | --- |
 * | red, fast, buzzer | a halt is asked for and not confirmed |
 * | red | Emergency or Freeze, confirmed |
 * | yellow, fast | not armed: a press may not get through |
 * | yellow, double | being tested |
 * | yellow, slow | audit is behind, or Normal is not confirmed |
 * | yellow | Pause or Reduce, confirmed |
 * | green | Normal, confirmed at every desk |
 */
export function indicationOf({ desks, tripping, armed, tested, silenced }: Panel): Indication {
	const show = (light: Light, rhythm: Rhythm): Indication => ({ light, rhythm, buzzer: false });
	if (tripping || desks.some(isUnconfirmedHalt)) return { ...show("Red", "Fast"), buzzer: !silenced };
	const inForce = Math.max(0, ...desks.map((desk) => rank(desk.inForce)));
	if (inForce >= rank("Emergency")) return show("Red", "Steady");
	if (!armed || desks.length === 0) return show("Yellow", "Fast");
	if (tested) return show("Yellow", "Double");
	if (desks.some(({ auditBehind }) => auditBehind)) return show("Yellow", "Slow");
	if (inForce > 0) return show("Yellow", "Steady");
	const isOpen = desks.every(({ wanted, confirmed }) => wanted === "Normal" && confirmed === "True");
	return isOpen ? show("Green", "Steady") : show("Yellow", "Slow");
}

/** A halt that is more than what is in force, or of which nobody knows whether it still is. A lowering is neither. */
function isUnconfirmedHalt({ wanted, inForce, confirmed }: DeskView): boolean {
	if (rank(wanted) === 0 || rank(wanted) < rank(inForce)) return false;
	return rank(wanted) > rank(inForce) || confirmed !== "True";
}
