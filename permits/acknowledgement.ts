import { PermitError } from "./error.ts";
import { amendments, join, type Permissions, reductions } from "./permissions.ts";

/** What a gate answers: what it applied, and what it does now. */
export type Acknowledgement = {
	readonly applied: "Granted" | "Tightened";
	/** The newest epoch that this gate knows of. */
	readonly epoch: { readonly uid: string; readonly generation: number };
	/** In force when the answer was made. */
	readonly permissions: Permissions;
	/** For the next permit; good for a minute and for one. */
	readonly challenge: string;
	/** Another in each life of the process. */
	readonly instance: string;
};

const longestText = 1_024;

type Fields = Readonly<Record<string, unknown>>;

/** Reads an answer. Throws `MALFORMED` naming the field. By hand: the sidecar, which has to be small, reads answers too. */
export function decodeAcknowledgement(body: string): Acknowledgement {
	let value: unknown;
	try {
		value = JSON.parse(body);
	} catch (cause) {
		throw new PermitError("MALFORMED", "the answer is not JSON", { cause });
	}
	const answer = fieldsOf(value, "/");
	const epoch = fieldsOf(answer.epoch, "/epoch");
	const permissions = fieldsOf(answer.permissions, "/permissions");
	return {
		applied: oneOf(["Granted", "Tightened"], answer.applied, "/applied"),
		epoch: {
			uid: textOf(epoch.uid, "/epoch/uid"),
			generation: generationOf(epoch.generation, "/epoch/generation"),
		},
		permissions: {
			open: oneOf([true, false], permissions.open, "/permissions/open"),
			reduce: oneOf(reductions, permissions.reduce, "/permissions/reduce"),
			amendStops: oneOf(amendments, permissions.amendStops, "/permissions/amendStops"),
		},
		challenge: textOf(answer.challenge, "/challenge"),
		instance: textOf(answer.instance, "/instance"),
	};
}

function fieldsOf(value: unknown, path: string): Fields {
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
	return refuse(path, "must be object");
}

function textOf(value: unknown, path: string): string {
	if (typeof value === "string" && value.length <= longestText) return value;
	return refuse(path, `must be text of at most ${longestText} characters`);
}

function generationOf(value: unknown, path: string): number {
	if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
	return refuse(path, "must be a whole number from 0");
}

function oneOf<const T>(values: readonly T[], value: unknown, path: string): T {
	for (const one of values) if (one === value) return one;
	return refuse(path, `must be one of ${values.join(", ")}`);
}

function refuse(path: string, why: string): never {
	throw new PermitError("MALFORMED", `not an answer: ${path} ${why}`);
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
