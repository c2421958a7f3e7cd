import { createPublicKey, type KeyObject } from "node:crypto";
import type { Entry } from "../entry.ts";
import { AuditError } from "../error.ts";
import { keyHint } from "../format/keys.ts";

/** Which entries a key may sign: from one index up to and without another one. */
export type KeySpan = {
	/** Base64 of its DER. */
	readonly key: string;
	readonly from: number;
	readonly until?: number;
};

/** The keys of a log, by base64 of the SHA-256 of their DER. Which one is good is a matter of the index, never of a time. */
export type KeyRing = Readonly<Record<string, KeySpan>>;

/** A ring of keys that are trusted from the first entry on. */
export function initialKeys(keys: readonly KeyObject[]): KeyRing {
	return Object.fromEntries(
		keys.map((key) => [
			keyHint(key),
			{ key: key.export({ type: "spki", format: "der" }).toString("base64"), from: 0 },
		]),
	);
}

/** Why a key may not sign the entry at this index; undefined: it may. */
export function keyProblem(
	ring: KeyRing,
	hint: string,
	index: number,
): "Unknown" | "TooEarly" | "Revoked" | undefined {
	const span = Object.hasOwn(ring, hint) ? ring[hint] : undefined;
	if (span === undefined) return "Unknown";
	if (index < span.from) return "TooEarly";
	return span.until !== undefined && index >= span.until ? "Revoked" : undefined;
}

/** The ring after an entry. Throws `ENTRY` for one that adds or revokes a key in a way that cannot be read. */
export function withEntry(ring: KeyRing, { kind, entity, metadata }: Entry, index: number): KeyRing {
	switch (kind) {
		case "KeyAdded": {
			const der = metadata?.publicKey ?? "";
			if (hintOf(der) !== entity.id) {
				throw new AuditError("ENTRY", `entry ${index} adds a key whose hash is not ${entity.id}`);
			}
			// Whoever was there before stays as it was: a key that was revoked does not come back.
			return Object.hasOwn(ring, entity.id) ? ring : { ...ring, [entity.id]: { key: der, from: index + 1 } };
		}
		case "KeyRevoked": {
			const span = Object.hasOwn(ring, entity.id) ? ring[entity.id] : undefined;
			const until = Number(metadata?.fromIndex ?? Number.NaN);
			if (span === undefined || !Number.isSafeInteger(until) || until < 0) {
				throw new AuditError("ENTRY", `entry ${index} revokes a key that is not there, or from no index on`);
			}
			return { ...ring, [entity.id]: { ...span, until: Math.min(until, span.until ?? until) } };
		}
		default:
			return ring;
	}
}

function hintOf(der: string): string | undefined {
	try {
		return keyHint(createPublicKey({ key: Buffer.from(der, "base64"), format: "der", type: "spki" }));
	} catch {
		// Whoever asks says what is wrong with it.
		return undefined;
	}
}
