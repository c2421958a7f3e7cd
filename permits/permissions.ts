import type { Column } from "../crds/vocabulary.ts";

/** The ways to shrink a position, from the widest. */
export const reductions = ["free", "stops-placed", "none"] as const;
/** The ways to change stops, from the widest. */
export const amendments = ["free", "tighten", "none"] as const;

/** What a bot may do. Cancelling is always allowed. Joined one by one, never by rank. */
export type Permissions = {
	/** Open or grow a position. */
	readonly open: boolean;
	/** Close or shrink a position: freely, only by stops already placed, or not at all. */
	readonly reduce: (typeof reductions)[number];
	/** Change stops: freely, only tighter, or not at all. */
	readonly amendStops: (typeof amendments)[number];
};

const byColumn: Readonly<Record<Column, Permissions>> = {
	Normal: { open: true, reduce: "free", amendStops: "free" },
	Pause: { open: false, reduce: "stops-placed", amendStops: "free" },
	Reduce: { open: false, reduce: "free", amendStops: "tighten" },
	Emergency: { open: false, reduce: "free", amendStops: "none" },
	Freeze: { open: false, reduce: "none", amendStops: "none" },
};

/** The row of permissions that a mode, or Freeze, stands for. */
export function permissionsOf(column: Column): Permissions {
	return byColumn[column];
}

/** What two sources both allow. */
export function join(a: Permissions, b: Permissions): Permissions {
	return {
		open: a.open && b.open,
		reduce: narrower(reductions, a.reduce, b.reduce),
		amendStops: narrower(amendments, a.amendStops, b.amendStops),
	};
}

function narrower<T>(ways: readonly T[], a: T, b: T): T {
	return ways.indexOf(a) >= ways.indexOf(b) ? a : b;
}
