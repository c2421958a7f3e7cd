import type { Entry } from "../entry.ts";

/** An entry that was verified, and its index. */
export type Indexed = { readonly index: number; readonly entry: Entry };

/** One line for a person: when, what, who, about what, why. */
export function lineOf({ index, entry }: Indexed): string {
	const { time, kind, action, actor, entity, before, after, justification } = entry;
	const from = before?.values?.mode;
	const to = after?.values?.mode;
	const change = from !== undefined || to !== undefined ? ` ${from ?? "?"} -> ${to ?? "?"}` : "";
	const why = justification === undefined ? "" : `: ${justification}`;
	return `${String(index).padStart(8)}  ${time.wall}  ${kind} ${action}${change}  ${entity.type} ${entity.id}  by ${actor.name}${why}`;
}

/** What one writer has written in one life of its spool. */
export type WriterSpan = {
	readonly writer: string;
	readonly epoch: string;
	readonly first: number;
	readonly last: number;
	readonly entries: number;
	/** Counters that are not there. */
	readonly missing: readonly number[];
	readonly from: string;
	readonly to: string;
	/** True when it ended on purpose. */
	readonly hasStopped: boolean;
};

/** What each writer has written, and what is missing between. */
export function spansOf(all: readonly Indexed[]): readonly WriterSpan[] {
	const byWriter = Map.groupBy(all, ({ entry: { writer } }) => `${writer.id}\n${writer.epoch}`);
	return [...byWriter].map(([name, found]) => {
		const [writer = "", epoch = ""] = name.split("\n");
		const counters = found.map(({ entry }) => entry.writer.counter);
		const last = Math.max(...counters);
		const there = new Set(counters);
		const missing = Array.from({ length: last + 1 }, (_, at) => at).filter((counter) => !there.has(counter));
		return {
			...{ writer, epoch, first: Math.min(...counters), last, entries: found.length, missing },
			from: found[0]?.entry.time.wall ?? "",
			to: found.at(-1)?.entry.time.wall ?? "",
			hasStopped: found.at(-1)?.entry.kind === "Stopped",
		};
	});
}

/** The last entry about each thing whose state was recorded up to this time (milliseconds since 1970). */
export function statesAt(all: readonly Indexed[], at: number): readonly Indexed[] {
	const last = new Map<string, Indexed>();
	for (const one of all) {
		const { entity, after, time } = one.entry;
		if (after === undefined || Date.parse(time.wall) > at) continue;
		last.set(`${entity.type}\n${entity.id}`, one);
	}
	return [...last.values()];
}
