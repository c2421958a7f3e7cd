import test from "ava";
import { readTap } from "../support/tap.ts";

test("points are counted, marked ones by name", (t) => {
	// Given a stream with every kind of point
	const stream = [
		"TAP version 13",
		"ok 1 - good",
		"not ok 2 - bad",
		"  ---",
		"    message: not ok 9 - this is a detail",
		"  ...",
		"ok 3 - left out # SKIP",
		"not ok 4 - for later # TODO",
		"ok 5 - costs # 5 and no more",
		"    # ok 6 - a log line",
		"# 2 tests remaining in test/x.test.ts",
		"1..5",
	].join("\n");
	// When it is read
	const report = readTap(stream);
	// Then each point has its place, and tests that never ended are failures
	t.deepEqual(report, {
		passed: 2,
		failures: [
			{ title: "bad", details: ["message: not ok 9 - this is a detail"] },
			{ title: "2 tests remaining in test/x.test.ts", details: [] },
		],
		skipped: ["left out", "for later"],
	});
});

test("an explanation after a passed test does not land at an earlier failure", (t) => {
	// Given a failure, then a pass with a block
	const stream = "not ok 1 - bad\nok 2 - good\n  ---\n    note: of the second\n  ...\n";
	// When it is read
	const report = readTap(stream);
	// Then the failure stays without details
	t.deepEqual(report.failures, [{ title: "bad", details: [] }]);
});

test("a stream that was cut off has no passes of its own", (t) => {
	// Given nothing but the start
	const stream = "TAP version 13\n";
	// When it is read
	const report = readTap(stream);
	// Then nothing passed
	t.deepEqual(report, { passed: 0, failures: [], skipped: [] });
});
