import type { Entry, EntryKind } from "../audit/entry.ts";

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

/** The last known state of each desk, out of entries in whatever order. */
export class DeskStates {
	readonly #last = new Map<string, DeskEntry>();

	note(index: number, { kind, entity, after, time }: Entry): void {
		if (entity.type !== "TradingSafety" || after === undefined || !tellingKinds.includes(kind)) return;
		const known = this.#last.get(entity.id);
		if (known !== undefined && known.index >= index) return;
		this.#last.set(entity.id, { index, entity, after, time: time.wall });
	}

	/** By name of the desk. */
	all(): readonly DeskEntry[] {
		return [...this.#last.values()].sort((a, b) => (a.entity.id < b.entity.id ? -1 : 1));
	}
}
