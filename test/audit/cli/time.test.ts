import test from "ava";
import { time } from "../../../audit/cli/time.ts";

const taken: Readonly<Record<string, string>> = {
	"2026-01-31T12:00:00Z": "2026-01-31T12:00:00.000Z",
	"2026-01-31t12:00:00.123456z": "2026-01-31T12:00:00.123Z",
	"2026-01-31T12:00:00+01:30": "2026-01-31T10:30:00.000Z",
	"2026-01-31": "2026-01-31T00:00:00.000Z",
	"2024-02-29": "2024-02-29T00:00:00.000Z",
	"0096-02-29": "0096-02-29T00:00:00.000Z",
};
for (const [text, iso] of Object.entries(taken)) {
	test(`${text} is a time`, (t) => {
		t.is(new Date(time("--to", text) ?? Number.NaN).toISOString(), iso);
	});
}

for (const text of [
	...["", "x 5", "noon", "99999", "01.02.2026", "2026", "2026-01", "1 Jan 2026", "2026-1-1"],
	// In whose zone?
	...["2026-01-31T12:00:00", "2026-01-31 12:00", "2026-01-31T12:00Z"],
	// No such day or hour
	...["2026-02-30", "2025-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "2026-02-29T00:00:00Z"],
	...["2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-01-31T12:00:60Z", "2026-01-31T12:00:00+24:00"],
	...["2026-01-31T12:00:00Z ", "2026-01-31T12:00:00Z\n", " 2026-01-31"],
]) {
	test(`${JSON.stringify(text)} is no time`, (t) => {
		t.throws(() => time("--to", text), { code: "USAGE", message: /^--to must be a time like / });
	});
}
