import type { KeyObject } from "node:crypto";
import type { Entry } from "../entry.ts";
import { AuditError, messageOf } from "../error.ts";
import { keyHint } from "../format/keys.ts";
import { openOffer } from "../key-entries.ts";

/** Which entries a key may sign: from one index up to and without another one. */
export type KeySpan = {
	/** Base64 of its DER. */
	readonly key: string;
	readonly from: number;
	/** It was revoked from this index on. */
	readonly until?: number;
	/** It signs no entry that says a later time: RFC 3339. */
	readonly notAfter?: string;
	/** From this index on the log was past `notAfter`, whatever time an entry says. */
	readonly expiredFrom?: number;
};

/**
 * The keys of a log, by base64 of the SHA-256 of their DER. Which one is good is a matter of the index: the time that an entry says
 * is the word of whoever signed it.
 */
export type KeyRing = Readonly<Record<string, KeySpan>>;

/**
 * How long after `notAfter` entries from before it may still come in, out of spools that were cut off: milliseconds. Then the key
 * is closed by index, so that whoever finds it later gains nothing by dating entries back.
 */
export const graceMilliseconds = 7 * 86_400_000;

/** A ring of keys that are trusted from the first entry on. */
export function initialKeys(keys: readonly KeyObject[]): KeyRing {
	return Object.fromEntries(
		keys.map((key) => [
			keyHint(key),
			{ key: key.export({ type: "spki", format: "der" }).toString("base64"), from: 0 },
		]),
	);
}

/** Why a key may not sign the entry at this index, whatever is in it; undefined: it may. */
export function keyProblem(
	ring: KeyRing,
	hint: string,
	index: number,
): "Unknown" | "TooEarly" | "Revoked" | "Expired" | undefined {
	const span = spanOf(ring, hint);
	if (span === undefined) return "Unknown";
	if (index < span.from) return "TooEarly";
	if (span.until !== undefined && index >= span.until) return "Revoked";
	return span.expiredFrom !== undefined && index >= span.expiredFrom ? "Expired" : undefined;
}

/** True where an entry of this key says a time (RFC 3339) at which the key was over. */
export function isPastEnd(ring: KeyRing, hint: string, wall: string): boolean {
	const end = spanOf(ring, hint)?.notAfter;
	return end !== undefined && Date.parse(wall) > Date.parse(end);
}

/** The ring after an entry. Throws `ENTRY` for one that adds or revokes a key in a way that cannot be read or is not proven. */
export function withEntry(before: KeyRing, entry: Entry, index: number): KeyRing {
	const ring = withTime(before, entry.time.wall, index);
	const { kind, entity, metadata, log } = entry;
	switch (kind) {
		case "KeyAdded": {
			const { publicKey = "", proof = "", notAfter } = metadata ?? {};
			const end = notAfter === undefined ? {} : { notAfter };
			if (hintOf(index, { log, publicKey, proof, ...end }) !== entity.id) {
				throw new AuditError("ENTRY", `entry ${index} adds a key whose hash is not ${entity.id}`);
			}
			// Whoever was there before stays as it was: a key that was revoked does not come back.
			if (spanOf(ring, entity.id) !== undefined) return ring;
			return { ...ring, [entity.id]: { key: publicKey, from: index + 1, ...end } };
		}
		case "KeyRevoked": {
			const span = spanOf(ring, entity.id);
			const said = metadata?.fromIndex ?? String(index + 1);
			if (span === undefined || !/^\d{1,15}$/.test(said)) {
				throw new AuditError(
					"ENTRY",
					`entry ${index} revokes a key that is not there, or from what is no index`,
				);
			}
			const until = Number(said);
			return { ...ring, [entity.id]: { ...span, until: Math.min(until, span.until ?? until) } };
		}
		default:
			return ring;
	}
}

/** Keys that may sign the entry at this index. */
export function keysAt(ring: KeyRing, index: number): readonly string[] {
	return Object.keys(ring).filter((hint) => keyProblem(ring, hint, index) === undefined);
}

/** Closes keys that have been over for long by what the log says; the same ring where there are none. */
function withTime(ring: KeyRing, wall: string, index: number): KeyRing {
	let after = ring;
	for (const [hint, { notAfter, expiredFrom }] of Object.entries(ring)) {
		if (notAfter === undefined || expiredFrom !== undefined) continue;
		if (Date.parse(wall) <= Date.parse(notAfter) + graceMilliseconds) continue;
		after = { ...after, [hint]: { ...(after[hint] as KeySpan), expiredFrom: index + 1 } };
	}
	return after;
}

function spanOf(ring: KeyRing, hint: string): KeySpan | undefined {
	return Object.hasOwn(ring, hint) ? ring[hint] : undefined;
}

function hintOf(index: number, offered: Parameters<typeof openOffer>[0]): string {
	try {
		return keyHint(openOffer(offered));
	} catch (cause) {
		throw new AuditError("ENTRY", `entry ${index} adds a key that is none: ${messageOf(cause)}`, { cause });
	}
}
