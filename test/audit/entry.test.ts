import test from "ava";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { decodeEntry, type Entry, encodeEntry, entryKinds } from "../../audit/entry.ts";
import { AuditError, isAuditError } from "../../audit/error.ts";
import { parseCanonical } from "../../audit/format/canonical.ts";
import { decodeLine, decodeRecord, encodeLine, encodeRecord, linesOf } from "../../audit/format/line.ts";
import { entryOf, signed, signerFor } from "./entries.ts";

test("an entry becomes canonical bytes and is the same when read", (t) => {
	const entry = entryOf(7, { metadata: { umlaut: "ä\u2028\u007f", empty: "" } });
	const bytes = encodeEntry(entry);
	t.deepEqual(decodeEntry(bytes), entry);
	t.true(bytes.toString().startsWith('{"action":"raise","actor":{"name":'));
	t.false(/[\t\n]/.test(bytes.toString()));
});

const bad: Readonly<Record<string, readonly [Partial<Record<keyof Entry, unknown>>, RegExp]>> = {
	"a field that nobody knows": [{ more: 1 } as object, /additional|more/],
	"a kind that nobody knows": [{ kind: "Guess" }, /kind/],
	NaN: [{ writer: { id: "a", epoch: "1", counter: Number.NaN } }, /counter/],
	"a counter below zero": [{ writer: { id: "a", epoch: "1", counter: -1 } }, /counter/],
	"a number that is not exact": [{ writer: { id: "a", epoch: "1", counter: 2 ** 53 } }, /counter/],
	"a time without microseconds": [{ time: { ...entryOf(1).time, wall: "2026-01-01T00:00:00Z" } }, /wall/],
	"a day that does not exist": [
		{ time: { ...entryOf(1).time, wall: "2026-13-01T00:00:00.000000Z" } },
		/time/,
	],
	"half a surrogate pair": [{ action: "\ud800" }, /canonical/],
	"an intervention without justification": [{ kind: "Intervention" }, /justification/],
	"an override without justification": [{ kind: "Override" }, /justification/],
	"no actor": [{ actor: undefined }, /actor/],
};

for (const [what, [rest, words]] of Object.entries(bad)) {
	test(`${what} is refused in words`, (t) => {
		const error = t.throws(() => encodeEntry({ ...entryOf(1), ...rest } as Entry), {
			instanceOf: AuditError,
		});
		t.is(error?.code, "ENTRY");
		t.regex(error?.message ?? "", words);
	});
}

test("an entry over 60 kB is refused with the remedy", (t) => {
	const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`k${at}`, "x".repeat(4_000)]));
	const error = t.throws(() => encodeEntry(entryOf(1, { metadata })), { instanceOf: AuditError });
	t.regex(error?.message ?? "", /6\d{4} bytes, and 60000 is the most; .*evidence/);
});

test("bytes of the same meaning that are not canonical are no entry", (t) => {
	const text = encodeEntry(entryOf(1)).toString();
	for (const wrong of [
		` ${text}`,
		`${text}\n`,
		text.replace('{"action":"raise",', '{"action":"raise","action":"raise",'),
		text.replace('"version":1', '"version":1.0'),
		text.replace("raise", "\\u0072aise"),
		"not json",
		"null",
	]) {
		const error = t.throws(() => decodeEntry(Buffer.from(wrong)));
		t.true(isAuditError(error, "FORMAT", "ENTRY"), wrong.slice(0, 50));
	}
	t.true(
		isAuditError(
			t.throws(() => decodeEntry(Buffer.from([0xff, 0xfe]))),
			"FORMAT",
		),
	);
});

test("each kind of entry can be written", (t) => {
	for (const kind of entryKinds) {
		const entry = entryOf(1, { kind, justification: "why", metadata: { nextWithinSeconds: "300" } });
		t.deepEqual(decodeEntry(encodeEntry(entry)), entry);
	}
});

test("lines and records are read as they were written, and not with any byte changed", async (t) => {
	const one = await signed(signerFor("Entries"), entryOf(1, { metadata: { text: "ä\ttab\nline" } }));
	const line = encodeLine(one);
	const [read = Buffer.alloc(0), ...others] = linesOf(line);
	t.is(others.length, 0);
	t.deepEqual(decodeLine(read).entry, one.entry);
	t.deepEqual({ ...decodeLine(read) }, { ...one });
	t.is(line.toString().split("\t")[0], Buffer.from(one.entry).toString());
	const record = encodeRecord(one);
	t.deepEqual(decodeRecord(record.subarray(0, -1)), { ...one });
	for (let at = 0; at < record.length - 1; at += 1) {
		const wrong = Buffer.from(record.subarray(0, -1));
		wrong[at] = (wrong[at] ?? 0) ^ 1;
		t.true(
			isAuditError(
				t.throws(() => decodeRecord(wrong), undefined, `byte ${at}`),
				"FORMAT",
			),
		);
	}
	t.throws(() => linesOf(Buffer.from("a\nb")));
	t.throws(() => decodeLine(Buffer.from("a\tb")));
});

test("whether JSON is canonical is decided as RFC 8785 says, however fast", (t) => {
	const isTaken = (text: string) => {
		try {
			parseCanonical(text);
			return true;
		} catch {
			return false;
		}
	};
	const isCanonical = (text: string) => {
		try {
			return canonicalize(JSON.parse(text)) === text;
		} catch {
			return false;
		}
	};
	fc.assert(
		fc.property(fc.json(), (text) => {
			const own = canonicalize(JSON.parse(text)) ?? "";
			return isTaken(own) && isTaken(text) === isCanonical(text);
		}),
		{ numRuns: 2_000 },
	);
	for (const text of [
		'{"b":1,"a":2}',
		'{"a":{"c":1,"b":2}}',
		'[{"b":1,"a":2}]',
		'{"10":1,"9":2}',
		'{"9":2,"10":1}',
		'{"a":1,"a":1}',
		'{"a":"\\ud800"}',
		'{"a":"\\u0041"}',
		'{"\ufb33":1,"\ud83d\ude00":2}',
		'{"\ud83d\ude00":2,"\ufb33":1}',
		'{"a":1.0}',
		'{"a":-0}',
		'{"a":1e21}',
		'{"a":1e+21}',
		'{"__proto__":1}',
		" {}",
		'"a"',
	]) {
		t.is(isTaken(text), isCanonical(text), text);
	}
});
