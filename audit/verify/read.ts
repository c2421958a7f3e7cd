import { createPublicKey, type KeyObject } from "node:crypto";
import { decodeEntry } from "../entry.ts";
import { isAuditError } from "../error.ts";
import { isSignedBy } from "../format/keys.ts";
import { exactBase64, type LineParts } from "../format/line.ts";
import type { FindingCode } from "./finding.ts";

/** What is wrong with an entry by itself, wherever it is in the log. */
export type EntryProblem = {
	/** In its batch. */
	readonly at: number;
	readonly code: Extract<FindingCode, "SignatureWrong" | "EntryMalformed" | "EntryNotCanonical">;
	readonly message: string;
};

/** Checks entries one by one. Keys are few, and reading one takes longer than a signature. */
export class EntryReader {
	readonly #keys = new Map<string, KeyObject | undefined>();

	/** Its signature, its bytes, its fields. Throws `FORMAT` where signature or key are no base64. */
	problemsOf({ entry, signature, key }: LineParts, at: number): readonly EntryProblem[] {
		const signed = exactBase64(signature);
		if (!this.#keys.has(key)) this.#keys.set(key, keyOf(exactBase64(key)));
		const problems: EntryProblem[] = [];
		if (!isSigned(this.#keys.get(key), entry, signed)) {
			problems.push({ at, code: "SignatureWrong", message: "its signature is not one of its key" });
		}
		try {
			decodeEntry(entry);
		} catch (error) {
			if (!isAuditError(error, "FORMAT", "ENTRY")) throw error;
			const code = isAuditError(error, "ENTRY") ? "EntryMalformed" : "EntryNotCanonical";
			problems.push({ at, code, message: error.message });
		}
		return problems;
	}
}

function keyOf(der: Buffer): KeyObject | undefined {
	try {
		return createPublicKey({ key: der, format: "der", type: "spki" });
	} catch {
		// What is no key has signed nothing.
		return undefined;
	}
}

function isSigned(key: KeyObject | undefined, entry: Buffer, signature: Buffer): boolean {
	try {
		return key !== undefined && isSignedBy(key, entry, signature);
	} catch {
		// A key of a kind that signs otherwise has not signed this.
		return false;
	}
}
