import type { Entry, EntryKind } from "../audit/entry.ts";
import { compareResourceVersions } from "../kube/object.ts";

/** The last that the record tells of a desk. */
export type DeskEntry = {
	/** Of the entry. */
	readonly index: number;
	/** The desk: `id` is NAMESPACE/NAME. */
	readonly entity: Entry["entity"];
	/** Its state after what the entry is about. */
	readonly after: NonNullable<Entry["after"]>;
	/** Wall time of whoever wrote it. */
	readonly time: string;
};

const tellingKinds: readonly EntryKind[] = [
	"Transition",
	"Intervention",
	"Override",
	"Trip",
	"Configuration",
];

/** What is known of one object: another one of the same name is another desk. */
type Known = {
	/** Index of the first entry about it. */
	readonly first: number;
	readonly last: DeskEntry;
};

/** The last known state of each desk, out of entries in whatever order: a replica may bring late what it saw long ago. */
export class DeskStates {
	/** By name of the desk, then by uid. */
	readonly #desks = new Map<string, Map<string | undefined, Known>>();

	note(index: number, { kind, entity, after, time }: Entry): void {
		if (entity.type !== "TradingSafety" || after === undefined || !tellingKinds.includes(kind)) return;
		const objects = this.#desks.get(entity.id) ?? new Map<string | undefined, Known>();
		const known = objects.get(entity.uid);
		const entry = { index, entity, after, time: time.wall };
		const last = known === undefined || isLater(entry, known.last) ? entry : known.last;
		objects.set(entity.uid, { first: Math.min(index, known?.first ?? index), last });
		this.#desks.set(entity.id, objects);
	}

	/** By name of the desk. */
	all(): readonly DeskEntry[] {
		const newest = [...this.#desks.values()].flatMap((objects) =>
			[...objects.values()].sort((a, b) => b.first - a.first).slice(0, 1),
		);
		return newest.map(({ last }) => last).sort((a, b) => (a.entity.id < b.entity.id ? -1 : 1));
	}
}

/**
 * Which of two states of one object came later: that of the later resource version, and so of the higher generation. They part where
 * history went back: then generations count anew, while versions are soon higher than before. Of one version the later entry counts.
 */
function isLater(a: DeskEntry, b: DeskEntry): boolean {
	const [versions, generations] = [
		versionsBetween(a, b),
		(a.after.generation ?? 0) - (b.after.generation ?? 0),
	];
	return (versions || generations || a.index - b.index) > 0;
}

function versionsBetween({ after: a }: DeskEntry, { after: b }: DeskEntry): number {
	return compareResourceVersions(a.resourceVersion ?? "", b.resourceVersion ?? "") ?? 0;
}
