import test from "ava";
import { durations, type ReportInput, writeReport } from "../../../audit/cli/report.ts";
import type { Entry } from "../../../audit/entry.ts";
import { entryOf } from "../entries.ts";

const start = Date.UTC(2026, 0, 1);
const mode = (counter: number, from: string, to: string, rest: Partial<Entry> = {}): Entry =>
	entryOf(counter, { before: { values: { mode: from } }, after: { values: { mode: to } }, ...rest });
const hostile = `=1+1 <script>alert("x")</script> & 'quoted', "twice"`;
const entries = [
	mode(0, "Normal", "Pause"),
	mode(10, "Pause", "Emergency", { kind: "Intervention", justification: hostile }),
	entryOf(20, { kind: "Trip", action: "press", actor: { name: "BOX-1" } }),
	mode(40, "Emergency", "Pause", { kind: "Override", justification: "drill is over" }),
	entryOf(50, { kind: "Drill", action: "begin" }),
].map((entry, index) => ({ index, entry }));

const input: ReportInput = {
	...{ origin: "log.example", entries, from: start, to: start + 60_000, madeAt: start + 100_000 },
	report: {
		...{ level: "signatures", findings: [], size: 5, root: Buffer.alloc(32, 7), checkpoints: 2 },
		witnesses: [{ name: "witness.example", at: start / 1_000 + 70 }],
	},
};

test("the first page of each format says what the rest rests on", (t) => {
	for (const format of ["html", "csv", "ndjson"] as const) {
		const text = writeReport(input, format);
		for (const word of ["log.example", Buffer.alloc(32, 7).toString("base64"), "witness.example"]) {
			t.true(text.includes(word), `${format} ${word}`);
		}
	}
	const bad = {
		...input,
		report: { ...input.report, findings: [{ code: "SplitView", object: "checkpoint/1", message: "no" }] },
	} as const;
	t.regex(writeReport(bad, "html"), /NOT GOOD: 1 findings/);
	t.regex(writeReport(bad, "csv"), /SplitView, checkpoint\/1: no/);
	t.is(JSON.parse(writeReport(bad, "ndjson").split("\n")[0] ?? "").report.findings.length, 1);
});

test("what people wrote is text, in a page and in a sheet", (t) => {
	const page = writeReport(input, "html");
	t.false(page.includes("<script>"));
	t.true(page.includes("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;quoted&#39;"));
	const sheet = writeReport(input, "csv");
	t.true(sheet.includes(`"'=1+1 <script>alert(""x"")</script> & 'quoted', ""twice"""`));
	const line = writeReport(input, "ndjson").split("\n")[2] ?? "";
	t.is(JSON.parse(line).entry.justification, hostile);
});

test("no format for people lets text of an entry steer, forge lines or calculate", (t) => {
	// Given reasons that begin or go on with what does
	const reasons = [
		"+1",
		"-1",
		"@SUM(A1)",
		"\t=1",
		"\uff1d1",
		'x\r\n"# verified","good"',
		"\u001b[2J\u202e\u009b",
	];
	const told = reasons.map((justification, index) => ({
		index,
		entry: mode(index, "Normal", "Pause", { justification }),
	}));
	const sheet = writeReport({ ...input, entries: told }, "csv");
	const page = writeReport({ ...input, entries: told }, "html");
	// Then each is one cell of text
	for (const shown of [
		...[`"'+1"`, `"'-1"`, `"'@SUM(A1)"`, `"'\\u0009=1"`, `"'\uff1d1"`],
		...[`"x\\u000d\\u000a""# verified"",""good"""`, `"\\u001b[2J\\u202e\\u009b"`],
	]) {
		t.true(sheet.includes(`,${shown}\r\n`), `${shown}\n${sheet}`);
	}
	t.is(sheet.split("\r\n").length - 1, sheet.split("\n").length - 1);
	for (const one of "\u001b\u009b\u202e") t.false((sheet + page).includes(one));
	t.true(page.includes("<td>\\u001b[2J\\u202e\\u009b</td>"));
});

test("sections hold what they are about, each with the rule that asks for it, and only from that time", (t) => {
	const page = writeReport(input, "html");
	for (const [title, count] of [
		["Trips", 1],
		["Modes", 1],
		["Interventions", 1],
		["Overrides", 1],
		["Drills", 1],
		["Proof tests", 0],
		["Exceptions", 0],
	]) {
		t.true(page.includes(`<h2>${title} (${count})</h2>`), `${title}`);
	}
	for (const rule of ["RTS 6 (2017/589) art. 12", "SEC 15c3-5", "SEC 17a-4(f)"]) t.true(page.includes(rule));
	const later = writeReport({ ...input, from: start + 30_000 }, "ndjson")
		.trimEnd()
		.split("\n");
	t.deepEqual(
		later.slice(1).map((line) => JSON.parse(line).index),
		[3, 4],
	);
});

test("modes last from one change to the next, within the time that is asked for", (t) => {
	const spent = (from: number, to: number) =>
		Object.fromEntries(
			durations({ entries, from: start + from * 1_000, to: start + to * 1_000 }).map((one) => [
				one.mode,
				one.seconds,
			]),
		);
	// entryOf(50) says Emergency again.
	t.deepEqual(spent(0, 60), { Pause: 20, Emergency: 40 });
	t.deepEqual(spent(5, 12), { Pause: 5, Emergency: 2 });
	t.deepEqual(spent(70, 80), { Emergency: 10 });
});

test("whether refused attempts are recorded is said for the time in which somebody was told of them", (t) => {
	// Given a writer that was not told of them, then was, and heard of something
	const of = (counter: number, kind: Entry["kind"], rest: Partial<Entry> = {}): Entry =>
		entryOf(counter, { kind, writer: { id: "trail-0", epoch: "1", counter }, ...rest });
	const told = [
		of(0, "Started", { metadata: { attempts: "NotReceived" } }),
		of(5, "Heartbeat", { metadata: { nextWithinSeconds: "300" } }),
		of(10, "Started", { metadata: { attempts: "Received" } }),
		entryOf(12, { kind: "Started", metadata: { component: "operator" } }),
		of(15, "Configuration", { action: "attempts-heard" }),
		of(20, "Stopped"),
		of(30, "Started", { metadata: { attempts: "Received" } }),
		of(31, "Heartbeat", { metadata: { nextWithinSeconds: "300" } }),
	].map((entry, index) => ({ index, entry }));
	const lines = (from: number, to: number) =>
		writeReport({ ...input, entries: told, from: start + from * 1_000, to: start + to * 1_000 }, "csv")
			.split("\r\n")
			.filter((line) => line.startsWith('"# denied attempts"'))
			.map((line) => line.slice('"# denied attempts","'.length, -1));
	t.deepEqual(lines(0, 9), ["not recorded: nobody said that they were told of them in this time"]);
	t.deepEqual(lines(0, 60), [
		"trail-0 said that it was told of them, from 2026-01-01T00:00:10.000Z to 2026-01-01T00:00:20.000Z; it was first told of something at 2026-01-01T00:00:15.000Z",
		"trail-0 said that it was told of them, from 2026-01-01T00:00:30.000Z to 2026-01-01T00:00:31.000Z; it was told of nothing: are API servers set up to send?",
		"outside of these times they are not recorded",
	]);
	// Then nothing is claimed of the time after its last sign of life
	t.deepEqual(lines(40, 60), ["not recorded: nobody said that they were told of them in this time"]);
	t.regex(
		lines(12, 14)[0] ?? "",
		/from 2026-01-01T00:00:12\.000Z to 2026-01-01T00:00:14\.000Z; it was told of nothing/,
	);
	const first = JSON.parse(writeReport({ ...input, entries: told }, "ndjson").split("\n")[0] ?? "");
	t.is(first.report.deniedAttempts.length, 3);
});
