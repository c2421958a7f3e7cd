import test from "ava";
import fc from "fast-check";
import { Compile } from "typebox/compile";
import { type Entry, encodeEntry } from "../../audit/entry.ts";
import { isAuditError } from "../../audit/error.ts";
import { entryOf } from "./entries.ts";
import { entrySchema } from "./entry-schema.ts";

// Ours is small; whether it refuses what it must is said by a library for JSON Schema.

const judge = Compile(entrySchema);
type Json = { [name: string]: Json } | Json[] | string | number | boolean | null;

const full: Entry = entryOf(1, {
	justification: "why",
	actor: { name: "a", uid: "u", groups: ["g", "h"], via: "v" },
	entity: { type: "t", id: "i", uid: "u" },
	changes: [{ path: "/spec", from: "1", to: "2" }, { path: "/x" }],
	metadata: { nextWithinSeconds: "300", a: "" },
	evidence: [{ name: "report", sha256: "0".repeat(64), bytes: 7 }],
});

/** All places in a value: names on the way to each. */
function placesIn(value: unknown): readonly (readonly string[])[] {
	if (typeof value !== "object" || value === null) return [[]];
	return [[], ...Object.entries(value).flatMap(([key, one]) => placesIn(one).map((rest) => [key, ...rest]))];
}

function changed(value: unknown, [name, ...rest]: readonly string[], to: Json | undefined): unknown {
	if (name === undefined) return to;
	const copy: Record<string, unknown> = Array.isArray(value)
		? ([...value] as unknown as Record<string, unknown>)
		: { ...(value as object) };
	const next = changed(copy[name], rest, to);
	// A hole in a list is no JSON.
	if (next === undefined && Array.isArray(copy)) copy.splice(Number(name), 1);
	else if (next === undefined) delete copy[name];
	else copy[name] = next;
	return copy;
}

const lengths = [0, 1, 2, 19, 20, 21, 36, 62, 63, 64, 65, 127, 128, 129, 253, 254, 512, 513, 4_096, 4_097];
const words: fc.Arbitrary<string> = fc.oneof(
	fc.constantFrom(...lengths).map((length) => "7".repeat(length)),
	fc.constantFrom("Trip", "Heartbeat", "a", "01", "-1", "2026-01-01T00:00:00.000000Z", "0".repeat(63)),
	fc.string(),
);
const numbers = fc.oneof(
	fc.constantFrom(-1, 0, 1, 1.5, 2 ** 53 - 1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY),
	fc.integer(),
);
const names = fc.string({ minLength: 1, maxLength: 63 });
const anything: fc.Arbitrary<Json | undefined> = fc.oneof(
	words,
	numbers,
	fc.constantFrom(undefined, null, true, [], {}),
	fc.array(words, { maxLength: 3 }),
	fc.constantFrom(63, 64, 65).map((length) => Array.from({ length }, () => "g")),
	fc.dictionary(names, fc.oneof(words, numbers), { maxKeys: 3 }),
);

/** True where ours takes it. Its size and what kinds need beyond the schema are other tests' matter. */
function isTaken(value: unknown): boolean {
	try {
		encodeEntry(value as Entry);
		return true;
	} catch (error) {
		if (!isAuditError(error, "ENTRY")) throw error;
		return /\d+ bytes|of kind|no time|canonical/.test(error.message);
	}
}

test("what is no entry by the schema is none, and the other way round", (t) => {
	t.true(judge.Check(full) && isTaken(full));
	const seen = { taken: 0, refused: 0 };
	fc.assert(
		fc.property(fc.constantFrom(...placesIn(full)), anything, (place, to) => {
			const value = changed(full, place, to);
			const taken = isTaken(value);
			seen[taken ? "taken" : "refused"] += 1;
			return judge.Check(value) === taken;
		}),
		{ numRuns: 5_000 },
	);
	t.true(seen.taken > 200 && seen.refused > 200, JSON.stringify(seen));
});

test("a field that belongs nowhere is refused wherever it is", (t) => {
	for (const place of placesIn(full)) {
		const at = place.reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], full);
		const isNamed = place.at(-1) === "metadata" || place.at(-1) === "values";
		if (typeof at !== "object" || Array.isArray(at) || isNamed) continue;
		t.false(isTaken(changed(full, [...place, "more"], "x")), place.join("/"));
	}
});

test("names of values are bounded, which the library does not see", (t) => {
	for (const name of ["", "n".repeat(64)]) {
		t.false(isTaken({ ...full, metadata: { ...full.metadata, [name]: "x" } }));
	}
	t.true(isTaken({ ...full, metadata: { ...full.metadata, ["n".repeat(63)]: "x" } }));
});
