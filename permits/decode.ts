import { Type } from "typebox";
import { Check, Errors } from "typebox/value";
import { columns } from "../crds/vocabulary.ts";
import { PermitError } from "./error.ts";
import { amendments, reductions } from "./permissions.ts";
import { longestTtlMilliseconds, type Permit } from "./permit.ts";

const bound = 1024;
const text = Type.String({ maxLength: bound });
const positive = Type.Number({ exclusiveMinimum: 0 });

/** What a bot is told to do, as it is on the wire. */
export const dutiesSchema = Type.Object({
	/** Cancel every resting order. */
	cancelAll: Type.Optional(Type.Literal(true)),
	/** Bring every position to zero: over so many seconds, 0 for at once. */
	flatten: Type.Optional(Type.Object({ overSeconds: Type.Number({ minimum: 0 }) })),
	/** Bring stops nearer by this share of their distance. */
	tightenStopsPercent: Type.Optional(positive),
});

/** A permit as it is on the wire. Fields that are not known are left alone. */
export const permitSchema = Type.Object({
	version: Type.Literal(1),
	/** Permit: the operator, after a fresh read of the desk. Raise: anyone who may raise; it takes away, and gives nothing. */
	kind: Type.Enum(["Permit", "Raise"]),
	/** The desk and its epoch: `metadata.uid` and `metadata.generation`. */
	desk: Type.Object({ namespace: text, uid: text, generation: Type.Integer({ minimum: 0 }) }),
	target: text,
	mode: Type.Enum([...columns]),
	permissions: Type.Object({
		open: Type.Boolean(),
		reduce: Type.Enum([...reductions]),
		amendStops: Type.Enum([...amendments]),
	}),
	duties: dutiesSchema,
	/** Bounds for a liquidation, as in `spec.liquidation`. */
	limits: Type.Optional(
		Type.Object({
			maxSlippageBps: Type.Optional(positive),
			maxParticipation: Type.Optional(positive),
			quoteMaxAgeSeconds: Type.Optional(positive),
		}),
	),
	reason: text,
	/** How long it gives what it gives, from when its challenge was made. */
	ttlMilliseconds: Type.Integer({ minimum: 1, maximum: longestTtlMilliseconds }),
	/** What the receiver gave for this permit; without one it gives nothing. */
	challenge: Type.Optional(text),
});

/** Reads a body whose signature was found good. Throws `MALFORMED` naming the field. */
export function decodePermit(body: string): Permit {
	let value: unknown;
	try {
		value = JSON.parse(body);
	} catch (cause) {
		throw new PermitError("MALFORMED", "the body is not JSON", { cause });
	}
	if (Check(permitSchema, value)) return value;
	const [first] = Errors(permitSchema, value);
	throw new PermitError("MALFORMED", `not a permit: ${first?.instancePath || "/"} ${first?.message ?? ""}`);
}
