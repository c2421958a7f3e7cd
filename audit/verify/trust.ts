import type { KeyObject } from "node:crypto";
import { messageOf } from "../error.ts";
import { type Checkpoint, parseCheckpoint } from "../format/checkpoint.ts";
import { cosignedAt } from "../format/cosignature.ts";
import { logKeyHash, logVerifier } from "../format/keys.ts";
import { type NoteVerifier, openNote, parseNote } from "../format/note.ts";
import type { KeyRing } from "../log/key-ring.ts";
import type { FindingCode } from "./finding.ts";

/** What whoever verifies believes beforehand. */
export type Trust = {
	/** The name of the log. */
	readonly origin: string;
	/** Keys that sign its checkpoints. */
	readonly logKeys: readonly KeyObject[];
	/** Keys of entries that are good from the first one on. */
	readonly keys: KeyRing;
	readonly witnesses?: readonly NoteVerifier[];
	/** How many of them must have signed the last checkpoint. */
	readonly requireWitnesses?: number;
};

/** A cosignature: who, and when (seconds since 1970). */
export type Cosigned = { readonly name: string; readonly at: number };

/** What a note said to be a checkpoint of the log is. */
export type Opened =
	| {
			readonly kind: "Good";
			readonly checkpoint: Checkpoint;
			readonly text: string;
			/** Each once. */
			readonly witnesses: readonly Cosigned[];
	  }
	| { readonly kind: "Bad"; readonly code: FindingCode; readonly message: string };

type LogKey = { readonly verifier: NoteVerifier; readonly id: Buffer };

const known = new WeakMap<Trust, readonly LogKey[]>();

/** Whoever may sign checkpoints and manifests, and the hashes of their keys. Made once: a log has thousands of rounds. */
export function logKeysOf(trust: Trust): readonly LogKey[] {
	const keys =
		known.get(trust) ??
		trust.logKeys.map((key) => ({
			verifier: logVerifier(trust.origin, key),
			id: logKeyHash(trust.origin, key),
		}));
	known.set(trust, keys);
	return keys;
}

/** Opens a checkpoint with the keys that are trusted. */
export function openCheckpoint(content: string, trust: Trust): Opened {
	const bad = (code: FindingCode, message: string): Opened => ({ kind: "Bad", code, message });
	const { origin, witnesses = [] } = trust;
	try {
		const note = parseNote(content);
		const checkpoint = parseCheckpoint(note.text);
		if (checkpoint.origin !== origin) {
			return bad("CheckpointOfAnotherLog", `it is of the log ${checkpoint.origin}, not of ${origin}`);
		}
		const own = logKeysOf(trust).map(({ verifier }) => verifier);
		const signers = openNote(note, [...own, ...witnesses]);
		if (!signers.some((one) => own.includes(one))) {
			return bad("CheckpointUnsigned", "no key of this log has signed it");
		}
		// By name: a witness has signed once, however many lines it has there, and with however many keys.
		const cosigned = new Map<string, Cosigned>();
		for (const signature of note.signatures) {
			const { name, keyId } = signature;
			const isWitness = signers.some(
				(one) => witnesses.includes(one) && one.name === name && one.keyId.equals(keyId),
			);
			if (isWitness && !cosigned.has(name)) cosigned.set(name, { name, at: cosignedAt(signature) });
		}
		return { kind: "Good", checkpoint, text: content, witnesses: [...cosigned.values()] };
	} catch (error) {
		return bad("CheckpointChanged", messageOf(error));
	}
}

/** Opens the checkpoint of a tree of this size, and of no other. */
export function openCheckpointOf(size: number, content: string, trust: Trust): Opened {
	const opened = openCheckpoint(content, trust);
	if (opened.kind === "Bad" || opened.checkpoint.size === size) return opened;
	const message = `it is the checkpoint of ${opened.checkpoint.size} entries`;
	return { kind: "Bad", code: "CheckpointReplayed", message };
}
