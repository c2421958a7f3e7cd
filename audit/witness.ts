import { AuditError, messageOf } from "./error.ts";
import { witnessVerifier } from "./format/cosignature.ts";
import { noteKinds, parseVerifierKey } from "./format/keys.ts";
import { type NoteSignature, type NoteVerifier, openNote, parseNote } from "./format/note.ts";
import type { Cosign } from "./log/sequencer.ts";

/** A witness that cosigns checkpoints (https://c2sp.org/tlog-witness). */
export type WitnessOptions = {
	/** Below which `add-checkpoint` is. */
	readonly url: string;
	/** Its verifier key. */
	readonly vkey: string;
	/** The longest that it may take: the log waits for it. Milliseconds. */
	readonly timeoutMilliseconds?: number;
};

const timeoutMilliseconds = 2_000;
/** It may have seen more than was remembered here, once. */
const mostTries = 2;

/**
 * Asks a witness for its cosignature. It signs only what has grown from what it signed before, so that nobody can be shown
 * another history. Throws `KEY`; what it returns throws `WITNESS` when it does not answer, and `FORK` when it refuses because
 * it has seen another history.
 */
export function witnessAt(options: WitnessOptions): Cosign {
	const { name, kind, key } = parseVerifierKey(options.vkey);
	if (kind !== noteKinds.cosignature) {
		throw new AuditError("KEY", `${options.vkey} is a key of a log: a witness has one of another kind (4)`);
	}
	const verifier = witnessVerifier(name, key);
	const path = new URL("add-checkpoint", options.url.endsWith("/") ? options.url : `${options.url}/`);
	let known = 0;
	return async ({ size }, note, proof) => {
		for (let turn = 0; turn < mostTries; turn += 1) {
			const hashes = await proof(known);
			const lines = hashes.map((hash) => `${hash.toString("base64")}\n`);
			const answer = await ask(path, `old ${known}\n${lines.join("")}\n${note}`, options);
			if (answer.status === 409) {
				const seen = Number(answer.text.trim());
				if (!Number.isSafeInteger(seen) || seen < 0) {
					throw new AuditError("WITNESS", `${path.href} answers a conflict without the size that it knows`);
				}
				if (seen > size) {
					throw new AuditError(
						"FORK",
						`${path.href} has signed ${seen} entries of this log, and this one has ${size}`,
					);
				}
				known = seen;
				continue;
			}
			if (answer.status === 422) {
				throw new AuditError(
					"FORK",
					`${path.href} has seen another history of this log: ${answer.text.trim()}`,
				);
			}
			if (answer.status !== 200)
				throw new AuditError("WITNESS", `${path.href}: ${answer.status} ${answer.text.trim()}`);
			const signatures = cosignaturesIn(answer.text, note, verifier, path);
			if (signatures.length === 0) {
				throw new AuditError("WITNESS", `${path.href} has not signed with the key ${options.vkey}`);
			}
			known = size;
			return signatures;
		}
		throw new AuditError("FORK", `${path.href} has signed another tree of ${known} entries of this log`);
	};
}

/**
 * Its answer is lines as they stand below a note. Only its own are taken: a line of somebody else's name would spoil the
 * checkpoint, which is written once.
 */
function cosignaturesIn(
	lines: string,
	note: string,
	verifier: NoteVerifier,
	{ href }: URL,
): readonly NoteSignature[] {
	try {
		const { text } = parseNote(note);
		const signatures = parseNote(`${text}\n${lines}`).signatures.filter(
			({ name, keyId }) => name === verifier.name && keyId.equals(verifier.keyId),
		);
		openNote({ text, signatures }, [verifier]);
		return signatures;
	} catch (cause) {
		throw new AuditError("WITNESS", `${href} answers what is no cosignature: ${messageOf(cause)}`, { cause });
	}
}

async function ask(
	path: URL,
	body: string,
	options: WitnessOptions,
): Promise<{ readonly status: number; readonly text: string }> {
	try {
		const signal = AbortSignal.timeout(options.timeoutMilliseconds ?? timeoutMilliseconds);
		const answer = await fetch(path, { method: "POST", body, signal });
		return { status: answer.status, text: await answer.text() };
	} catch (cause) {
		// What fetch says itself is only that it failed.
		const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
		throw new AuditError("WITNESS", `${path.href} does not answer: ${messageOf(reason)}`, { cause });
	}
}
