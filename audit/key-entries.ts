import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { AuditError } from "./error.ts";
import { canonical } from "./format/canonical.ts";
import { assertP256, keyHint, spkiOf } from "./format/keys.ts";
import type { Happening } from "./recorder.ts";
import type { Signer } from "./signer.ts";

// How the keys of entries change: by entries, signed by a key that may sign.

/** A key that is to sign entries, with what shows that whoever offers it has its private half. */
export type OfferedKey = {
	/** The log that it is for. */
	readonly log: string;
	/** Base64 of its DER. */
	readonly publicKey: string;
	/** It signs nothing that says a later time: RFC 3339. */
	readonly notAfter?: string;
	/** Base64: its signature over {@link statementOf} the rest. */
	readonly proof: string;
};

/** Who asks for a change, and why. */
export type Asking = { readonly actor: Happening["actor"]; readonly justification: string };

/** What a key signs to be offered: for which log, which key, until when. */
export function statementOf({ log, publicKey, notAfter }: Omit<OfferedKey, "proof">): Buffer {
	const statement = { purpose: "tradingsafety-audit: key of entries", log, publicKey };
	return Buffer.from(canonical({ ...statement, ...(notAfter !== undefined && { notAfter }) }));
}

/** Offers the key of this signer to a log. Throws `KEY` for one that is not P-256, `SIGN`. */
export async function offerKey(signer: Signer, log: string, notAfter?: string): Promise<OfferedKey> {
	assertP256(signer.publicKey);
	const publicKey = spkiOf(signer.publicKey).toString("base64");
	const offered = { log, publicKey, ...(notAfter !== undefined && { notAfter }) };
	return { ...offered, proof: (await signer.sign(statementOf(offered))).toString("base64") };
}

/** Reads what {@link offerKey} gave as JSON. Throws `KEY`. */
export function parseOffer(text: string): OfferedKey {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		// Said below, as of any other text.
		value = undefined;
	}
	const { log, publicKey, proof, notAfter } = (value ?? {}) as Record<string, unknown>;
	if (typeof log !== "string" || typeof publicKey !== "string" || typeof proof !== "string") {
		throw new AuditError("KEY", 'it is no offer of a key: make one with "tradingsafety-audit offer KEY"');
	}
	const offered = { log, publicKey, proof, ...(typeof notAfter === "string" && { notAfter }) };
	openOffer(offered);
	return offered;
}

/** The key that is offered. Throws `KEY` where it is none for entries, or has not signed its offer. */
export function openOffer(offered: OfferedKey): KeyObject {
	const key = publicKeyOf(offered.publicKey);
	if (!verify("sha256", statementOf(offered), key, Buffer.from(offered.proof, "base64"))) {
		throw new AuditError(
			"KEY",
			`it was not offered to the log ${offered.log} by whoever has its private half`,
		);
	}
	if (offered.notAfter !== undefined && Number.isNaN(Date.parse(offered.notAfter))) {
		throw new AuditError("KEY", `"${offered.notAfter}", until which it signs, is no time`);
	}
	return key;
}

/** The entry that adds a key, from the next index on. Signed by a key that may sign, it crosses from that one to this. */
export function keyAdded(offered: OfferedKey, { actor, justification }: Asking): Happening {
	const { publicKey, notAfter, proof } = offered;
	return {
		...{ kind: "KeyAdded", action: "add", actor, justification },
		entity: { type: "Key", id: keyHint(openOffer(offered)) },
		metadata: { publicKey, proof, ...(notAfter !== undefined && { notAfter }) },
	};
}

/**
 * The entry that revokes a key (its hash): it signs nothing from this index on, whatever time it says; left out: behind this very
 * entry. What it has signed from an earlier index on is in doubt for every verifier from then on.
 */
export function keyRevoked(
	hint: string,
	{ actor, justification }: Asking,
	fromIndex: number | undefined,
): Happening {
	return {
		...{ kind: "KeyRevoked", action: "revoke", actor, justification },
		entity: { type: "Key", id: hint },
		...(fromIndex !== undefined && { metadata: { fromIndex: String(fromIndex) } }),
	};
}

function publicKeyOf(der: string): KeyObject {
	let key: KeyObject;
	try {
		key = createPublicKey({ key: Buffer.from(der, "base64"), format: "der", type: "spki" });
	} catch (cause) {
		throw new AuditError("KEY", "it is no public key (base64 of its DER)", { cause });
	}
	assertP256(key);
	return key;
}
