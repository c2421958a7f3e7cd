import type { Mode } from "../crds/vocabulary.ts";

/** What a desk may do. Joined one by one when several sources speak; never by rank. */
export type Permissions = {
	/** Open or grow a position. */
	readonly open: boolean;
	/** Close or shrink a position: freely, gradually, at once, or only by stops already placed. */
	readonly reduce: "free" | "stops-placed" | "gradual" | "immediate";
	/** Cancel resting orders: may, or must cancel all. */
	readonly cancel: "may" | "all";
	/** Change stops: freely, only tighter, or not at all. */
	readonly amendStops: "free" | "tighten" | "none";
};

const byMode: Readonly<Record<Mode, Permissions>> = {
	Normal: { open: true, reduce: "free", cancel: "may", amendStops: "free" },
	Pause: { open: false, reduce: "stops-placed", cancel: "may", amendStops: "free" },
	Reduce: { open: false, reduce: "gradual", cancel: "may", amendStops: "tighten" },
	Emergency: { open: false, reduce: "immediate", cancel: "all", amendStops: "none" },
};

/** The row of permissions that a mode stands for. */
export function permissionsOf(mode: Mode): Permissions {
	return byMode[mode];
}
