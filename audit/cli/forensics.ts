import type { Entry } from "../entry.ts";
import { plain } from "./plain.ts";

/** An entry that was verified, and its index. */
export type Indexed = { readonly index: number; readonly entry: Entry };

/** One line for a person: when, what, who, about what, why. */
export function lineOf({ index, entry }: Indexed): string {
	const { time, kind, action, actor, entity, before, after, justification } = entry;
	const from = before?.values?.mode;
	const to = after?.values?.mode;
	const change = from !== undefined || to !== undefined ? ` ${from ?? "?"} -> ${to ?? "?"}` : "";
	const why = justification === undefined ? "" : `: ${justification}`;
	const what = `${kind} ${action}${change}  ${entity.type} ${entity.id}  by ${actor.name}${why}`;
	return plain(`${String(index).padStart(8)}  ${time.wall}  ${what}`);
}

/** Counters from one to another, both included. */
export type Counters = { readonly from: number; readonly to: number };

/** What one writer has written in one life of its spool. */
export type WriterSpan = {
	readonly writer: string;
	readonly epoch: string;
	readonly first: number;
	readonly last: number;
	readonly entries: number;
	/** Counters that are not there. */
	readonly missing: readonly Counters[];
	readonly from: string;
	readonly to: string;
	/** True when it ended on purpose. */
	readonly hasStopped: boolean;
};

/** Adds up what each writer has written, and what is missing between. */
export class WriterSpans {
	readonly #spans = new Map<string, WriterSpan>();

	see({ entry: { writer, time, kind } }: Indexed): void {
		const name = `${writer.id}\n${writer.epoch}`;
		const { id, epoch, counter } = writer;
		const before = this.#spans.get(name) ?? {
			...{ writer: id, epoch, first: counter, last: -1, entries: 0, missing: [], from: time.wall },
		};
		const between = { from: before.last + 1, to: counter - 1 };
		this.#spans.set(name, {
			...before,
			first: Math.min(before.first, counter),
			last: Math.max(before.last, counter),
			entries: before.entries + 1,
			missing:
				counter > before.last
					? [...before.missing, ...(between.from <= between.to ? [between] : [])]
					: before.missing.flatMap((range) => without(range, counter)),
			to: time.wall,
			hasStopped: kind === "Stopped",
		});
	}

	all(): readonly WriterSpan[] {
		return [...this.#spans.values()];
	}
}

/** What is left of a range when a counter in it turns up late. */
function without(range: Counters, counter: number): readonly Counters[] {
	if (counter < range.from || counter > range.to) return [range];
	return [
		{ from: range.from, to: counter - 1 },
		{ from: counter + 1, to: range.to },
	].filter(({ from, to }) => from <= to);
}

/** Keeps the last entry about each thing whose state was recorded up to a time (milliseconds since 1970). */
export class LastStates {
	readonly #until: number;
	readonly #last = new Map<string, Indexed>();

	constructor(until: number) {
		this.#until = until;
	}

	see(one: Indexed): void {
		const { entity, after, time } = one.entry;
		if (after === undefined || Date.parse(time.wall) > this.#until) return;
		this.#last.set(`${entity.type}\n${entity.id}`, one);
	}

	all(): readonly Indexed[] {
		return [...this.#last.values()];
	}
}
