import fc from "fast-check";
import { encodeEntry } from "../../audit/entry.ts";
import { idFrom } from "../../audit/recorder.ts";
import type { Happening } from "../../core/happening.ts";
import { modes } from "../../crds/vocabulary.ts";
import { entryOf } from "../audit/entries.ts";

/** Specs of all sorts. */
export const specs = fc.record(
	{
		mode: fc.constantFrom(...modes),
		freeze: fc.boolean(),
		enforcement: fc.constantFrom("Enforce" as const, "Observe" as const),
		reason: fc.string({ unit: "binary", maxLength: 1_024 }),
		setBy: fc.string({ unit: "binary", maxLength: 256 }),
		targetModes: fc.dictionary(fc.string({ maxLength: 63 }), fc.constantFrom(...modes), { maxKeys: 4 }),
		trip: fc.record({
			id: fc.string({ maxLength: 128 }),
			type: fc.string({ maxLength: 64 }),
			source: fc.string(),
		}),
		resetRequest: fc.record(
			{
				reason: fc.string(),
				requestedBy: fc.string(),
				approvals: fc.dictionary(fc.string(), fc.constant({})),
			},
			{ requiredKeys: [] },
		),
		reset: fc.record({ approvals: fc.nat({ max: 8 }) }),
	},
	{ requiredKeys: [] },
);

/** Throws unless it can be an entry. */
export function asEntry({ sameAs, changes, ...rest }: Happening): Buffer {
	const fixed = { ...entryOf(0), ...rest, ...(changes && { changes: [...changes] }) };
	return encodeEntry({ ...fixed, id: idFrom(sameAs) });
}
