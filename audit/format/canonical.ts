import canonicalize from "canonicalize";
import { AuditError, messageOf } from "../error.ts";

/** The canonical JSON of a value (RFC 8785). Throws `ENTRY` for what has none: NaN, half a surrogate pair, a function. */
export function canonical(value: unknown): string {
	let text: string | undefined;
	try {
		text = canonicalize(value);
	} catch (cause) {
		throw new AuditError("ENTRY", `this has no canonical JSON: ${messageOf(cause)}`, { cause });
	}
	if (text === undefined) throw new AuditError("ENTRY", "this has no canonical JSON: it is undefined");
	return text;
}

/**
 * Reads canonical JSON. Throws `FORMAT` for any other bytes of the same meaning (spaces, a key twice, another order): what
 * was signed is to have one reading.
 */
export function parseCanonical(text: string): unknown {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (cause) {
		throw new AuditError("FORMAT", `this is no JSON: ${messageOf(cause)}`, { cause });
	}
	if (!isCanonical(value, text)) throw new AuditError("FORMAT", "this is JSON, but not canonical (RFC 8785)");
	return value;
}

function isCanonical(value: unknown, text: string): boolean {
	try {
		return isObviouslyCanonical(value, text) || canonical(value) === text;
	} catch (cause) {
		// JSON.parse reads deeper than functions can call each other.
		if (!(cause instanceof RangeError)) throw cause;
		throw new AuditError("FORMAT", "this is JSON that is nested too deep", { cause });
	}
}

/**
 * True only for canonical JSON: when no key is out of order, what JavaScript writes is what RFC 8785 asks for, but for halves of
 * surrogate pairs, which JavaScript writes with a backslash. Four times as fast as making it anew.
 */
function isObviouslyCanonical(value: unknown, text: string): boolean {
	return !text.includes("\\ud") && JSON.stringify(value) === text && isInOrder(value);
}

function isInOrder(value: unknown): boolean {
	if (typeof value !== "object" || value === null) return true;
	if (Array.isArray(value)) return value.every(isInOrder);
	const fields = value as Readonly<Record<string, unknown>>;
	let before = "";
	for (const key of Object.keys(fields)) {
		if (key < before || !isInOrder(fields[key])) return false;
		before = key;
	}
	return true;
}
