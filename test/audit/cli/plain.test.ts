import test from "ava";
import { findingText } from "../../../audit/cli/finding-text.ts";
import { lineOf } from "../../../audit/cli/forensics.ts";
import { plain, plainLines } from "../../../audit/cli/plain.ts";
import { entryOf } from "../entries.ts";

const between = (first: number, last: number) =>
	Array.from({ length: last - first + 1 }, (_, at) => String.fromCharCode(first + at));
const steering = [
	...between(0x00, 0x1f),
	...between(0x7f, 0x9f),
	...between(0x2028, 0x2029),
	...between(0x202a, 0x202e),
	...between(0x2066, 0x2069),
];

test("what steers a terminal or forges lines is spelled, and every other character stays", (t) => {
	// Given all characters of 16 bits
	for (const character of between(0, 0xffff)) {
		// When one is shown to people
		const shown = plain(`a${character}b`);
		// Then it is spelled as in JSON where it must be, and there alone
		const isSpelled = steering.includes(character);
		if (isSpelled !== (shown !== `a${character}b`)) t.fail(`${character.charCodeAt(0)}`);
		if (isSpelled) t.is(JSON.parse(`"${shown}"`), `a${character}b`);
	}
	t.is(plain("\u001b[2Jfine\nGOOD\u202e"), "\\u001b[2Jfine\\u000aGOOD\\u202e");
	t.is(plain("Zoë 中 \ud83d\ude00"), "Zoë 中 \ud83d\ude00");
});

test("JSON for people keeps its lines and its value", (t) => {
	// Given values that JSON.stringify leaves as they are
	const value = { why: "\u009b2J\u202e\u007f\u2028", what: "a\nb" };
	// When they are shown on several lines
	const shown = plainLines(JSON.stringify(value, undefined, 2));
	// Then nothing steers, and whoever reads it as JSON has the same
	t.is(shown.split("\n").length, 4);
	t.false(steering.some((one) => one !== "\n" && shown.includes(one)));
	t.deepEqual(JSON.parse(shown), value);
});

test("an entry and a finding are one line each, whatever they say", (t) => {
	const hostile = "x\r\n       9  2026-01-01T00:00:00.000000Z  Reset\u001b[1A\u202e";
	// Given text of an entry that goes on with a line of its own
	const entry = entryOf(0, {
		actor: { name: hostile },
		entity: { type: hostile.slice(0, 63), id: hostile },
		action: hostile,
		justification: hostile,
		before: { values: { mode: hostile } },
	});
	const lines = [
		lineOf({ index: 0, entry }),
		findingText({ code: "ObjectUnexpected", object: `tile/${hostile}`, message: hostile }),
	];
	// Then it stays one
	for (const line of lines) {
		t.false(steering.some((one) => line.includes(one)));
		t.true(line.includes("\\u000d\\u000a       9"));
	}
});
