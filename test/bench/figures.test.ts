import test from "ava";
import { judge, percentile, summarize } from "./figures.ts";

const upTo = (n: number) => Array.from({ length: n }, (_, index) => n - index);

test("the 99th percentile of 300 samples is the fourth worst", (t) => {
	// Given 300 samples, the worst first
	const samples = upTo(300);
	// When they are summed up
	const summary = summarize(samples);
	// Then each figure is a sample, by rank
	t.deepEqual(summary, { n: 300, min: 1, p50: 150, p99: 297, max: 300 });
});

test("numbers are put in order as numbers", (t) => {
	t.is(percentile([9, 10, 100], 0.5), 10);
});

test("no samples have no percentile", (t) => {
	t.throws(() => summarize([]), { instanceOf: RangeError });
});

test("a median of more than the allowed multiple of the baseline fails", (t) => {
	// Given a limit of 1.5 times a baseline of 100 ms
	const limit = { kind: "TimesBaseline", times: 1.5 } as const;
	const verdict = (milliseconds: number) => judge(limit, summarize([milliseconds]), summarize([100]));
	// Then 150 ms pass and 151 ms fail
	t.is(verdict(150), "passed");
	t.is(verdict(151), "failed");
});

test("a slow baseline says that the machine is too busy, whatever was measured", (t) => {
	// Given a limit of 50 ms
	const limit = { kind: "P99Below", milliseconds: 50 } as const;
	const verdict = (milliseconds: number, baseline: number) =>
		judge(limit, summarize([milliseconds]), summarize([baseline]));
	// Then a baseline of up to 25 ms lets it be judged, and a slower one does not
	t.is(verdict(49, 25), "passed");
	t.is(verdict(50, 25), "failed");
	t.is(verdict(49, 26), "too busy");
	t.is(verdict(500, 26), "too busy");
});

test("a limit without a baseline is an error of the bench", (t) => {
	const limit = { kind: "P99Below", milliseconds: 50 } as const;
	t.throws(() => judge(limit, summarize([1]), undefined), { instanceOf: RangeError });
});

test("a largest sample above the allowed value fails", (t) => {
	// Given a limit of 200
	const verdict = (largest: number) =>
		judge({ kind: "AtMost", value: 200 }, summarize([1, largest]), undefined);
	// Then 200 passes and 201 fails
	t.is(verdict(200), "passed");
	t.is(verdict(201), "failed");
});

test("a 99th percentile of more than the allowed multiple of the baseline's fails", (t) => {
	const limit = { kind: "P99TimesBaseline", times: 1.5 } as const;
	const tail = (worst: number) => summarize([...upTo(98), worst, worst]);
	t.is(judge(limit, tail(150), tail(100)), "passed");
	t.is(judge(limit, tail(151), tail(100)), "failed");
});
