import { createPublicKey, type KeyObject } from "node:crypto";
import { decodeEntry, type Entry } from "../entry.ts";
import { AuditError } from "../error.ts";
import { leafHash, sha256 } from "../format/hash.ts";
import { assertP256, isSignedBy } from "../format/keys.ts";
import { encodeLeaf, type Signed } from "../format/leaf.ts";
import { emptyTree, grow, type Tree } from "../format/tree.ts";
import { isPastEnd, type KeyRing, keyProblem, withEntry } from "./key-ring.ts";
import { admit, epochsOf, type Writers } from "./writers.ts";

/** Where a log is. */
export type LogState = {
	readonly tree: Tree;
	readonly writers: Writers;
	readonly keys: KeyRing;
};

/** The log before its first entry. */
export function emptyLog(keys: KeyRing): LogState {
	return { tree: emptyTree, writers: {}, keys };
}

/** What becomes of an entry that somebody hands over. */
export type Verdict =
	| { readonly kind: "Next"; readonly state: LogState; readonly leaf: Buffer }
	| { readonly kind: "Known" }
	/** It cannot be in this log, now or ever: the words say why. */
	| { readonly kind: "Refused"; readonly why: string };

const keyObjects = new WeakMap<KeyRing, Map<string, KeyObject>>();

/** Judges an entry: is it one, of this log, signed by a key that may, and the next of its writer? */
export function judge(state: LogState, origin: string, signed: Signed): Verdict {
	const refused = (why: string): Verdict => ({ kind: "Refused", why });
	const hint = sha256(signed.key).toString("base64");
	const index = state.tree.size;
	const problem = keyProblem(state.keys, hint, index);
	if (problem !== undefined) return refused(`its key ${hint} is ${words[problem]} at index ${index}`);
	let entry: Entry;
	try {
		// First: of what a stranger sends nothing is read.
		if (!isSignedBy(keyOf(state.keys, hint, signed.key), signed.entry, signed.signature)) {
			return refused("its signature is wrong");
		}
		entry = decodeEntry(signed.entry);
	} catch (error) {
		if (!(error instanceof AuditError)) throw error;
		return refused(error.message);
	}
	if (isPastEnd(state.keys, hint, entry.time.wall)) {
		return refused(`its key ${hint} was over at ${entry.time.wall}`);
	}
	if (entry.log !== origin) return refused(`it is for the log ${entry.log}, not for ${origin}`);
	const { id, epoch, counter } = entry.writer;
	const admission = admit(epochsOf(state.writers, id), entry.writer, hint);
	switch (admission.kind) {
		case "Known":
			return { kind: "Known" };
		case "Gap":
			return refused(`counter ${counter} of ${id} came before ${admission.expected}`);
		case "OtherKey":
			return refused(`its key ${hint} is not ${admission.expected}, which signs epoch ${epoch} of ${id}`);
		case "Forgotten":
			return refused(
				`epoch ${epoch} of ${id} is older than ${admission.oldest}, the oldest that is remembered: is it a copy of a spool?`,
			);
		case "Next": {
			try {
				const leaf = encodeLeaf(signed);
				const { tree } = grow(state.tree, leafHash(leaf));
				const keys = withEntry(state.keys, entry, index);
				const writers = { ...state.writers, [id]: admission.epochs };
				return { kind: "Next", leaf, state: { tree, writers, keys } };
			} catch (error) {
				if (!(error instanceof AuditError)) throw error;
				return refused(error.message);
			}
		}
	}
}

const words = {
	Unknown: "not one of this log",
	TooEarly: "not valid yet",
	Revoked: "revoked",
	Expired: "over for long",
} as const;

/** Keys are few, and reading one takes longer than a signature. */
function keyOf(ring: KeyRing, hint: string, der: Uint8Array): KeyObject {
	const known = keyObjects.get(ring) ?? new Map<string, KeyObject>();
	keyObjects.set(ring, known);
	const found = known.get(hint);
	if (found !== undefined) return found;
	const key = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
	assertP256(key);
	known.set(hint, key);
	return key;
}
