import { type Static, Type } from "typebox";
import { Check, Errors } from "typebox/value";
import { PermitError } from "./error.ts";
import { amendments, join, type Permissions, reductions } from "./permissions.ts";

const text = Type.String({ maxLength: 1024 });

const schema = Type.Object({
	applied: Type.Enum(["Granted", "Tightened"]),
	/** The newest epoch that this gate knows of. */
	epoch: Type.Object({ uid: text, generation: Type.Integer({ minimum: 0 }) }),
	/** In force when the answer was made. */
	permissions: Type.Object({
		open: Type.Boolean(),
		reduce: Type.Enum([...reductions]),
		amendStops: Type.Enum([...amendments]),
	}),
	/** For the next permit; good for a minute and for one. */
	challenge: text,
	/** Another in each life of the process. */
	instance: text,
});

/** What a gate answers: what it applied, and what it does now. */
export type Acknowledgement = Static<typeof schema>;

/** Reads an answer. Throws `MALFORMED` naming the field. */
export function decodeAcknowledgement(body: string): Acknowledgement {
	let value: unknown;
	try {
		value = JSON.parse(body);
	} catch (cause) {
		throw new PermitError("MALFORMED", "the answer is not JSON", { cause });
	}
	if (Check(schema, value)) return value;
	const [first] = Errors(schema, value);
	throw new PermitError("MALFORMED", `not an answer: ${first?.instancePath || "/"} ${first?.message ?? ""}`);
}

/** True when an answer is of this epoch, or a later one of the same desk, and allows no more than these permissions. */
export function acknowledges(
	answer: Acknowledgement,
	epoch: { readonly uid: string; readonly generation: number },
	permissions: Permissions,
): boolean {
	const { uid, generation } = answer.epoch;
	return uid === epoch.uid && generation >= epoch.generation && isWithin(answer.permissions, permissions);
}

/** True when `a` allows nothing that `b` does not. */
export function isWithin(a: Permissions, b: Permissions): boolean {
	const both = join(a, b);
	return both.open === a.open && both.reduce === a.reduce && both.amendStops === a.amendStops;
}
