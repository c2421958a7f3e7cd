import test from "ava";
import { LastStates, WriterSpans } from "../../../audit/cli/forensics.ts";
import { ReportEntries } from "../../../audit/cli/report.ts";
import { entryOf } from "../entries.ts";

const by = (id: string, counter: number, rest: object = {}) => ({
	index: counter,
	entry: entryOf(counter, { writer: { id, epoch: "1", counter }, ...rest }),
});

test("what is missing of a writer are ranges, and what turns up late is taken out of them", (t) => {
	const spans = new WriterSpans();
	for (const counter of [2, 3, 7, 5, 1_000_000_000]) spans.see(by("a", counter));
	spans.see(by("b", 0, { kind: "Stopped" }));
	const [a, b] = spans.all();
	t.like(a, { writer: "a", first: 2, last: 1_000_000_000, entries: 5, hasStopped: false });
	t.deepEqual(a?.missing, [
		{ from: 0, to: 1 },
		{ from: 4, to: 4 },
		{ from: 6, to: 6 },
		{ from: 8, to: 999_999_999 },
	]);
	t.like(b, { writer: "b", missing: [], hasStopped: true });
});

test("of each thing the last state up to a time is kept, and nothing else", (t) => {
	const states = new LastStates(Date.UTC(2026, 0, 1, 0, 0, 5));
	const desk = (id: string) => ({ entity: { type: "Desk", id } });
	for (const [counter, id] of [
		[1, "a"],
		[2, "b"],
		[4, "a"],
		[6, "a"],
	] as const) {
		states.see(by("w", counter, desk(id)));
	}
	t.deepEqual(
		states.all().map(({ index }) => index),
		[4, 2],
	);
});

test("a report keeps what is within its time, and what the modes were when that begins", (t) => {
	const start = Date.UTC(2026, 0, 1);
	const kept = new ReportEntries(start + 10_000, start + 20_000);
	for (let counter = 0; counter < 30; counter += 1) kept.see(by("w", counter));
	t.deepEqual(
		kept.all().map(({ index }) => index),
		[9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
	);
});
