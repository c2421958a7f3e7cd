import { createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { isAuditError, messageOf } from "../audit/error.ts";
import { assertP256, rawEd25519 } from "../audit/format/keys.ts";
import { type OfferedKey, parseOffer } from "../audit/key-entries.ts";
import { type Signer, signerAt } from "../audit/signer.ts";
import { TrailError } from "./error.ts";
import type { TrailOptions } from "./options.ts";

/**
 * Signs checkpoints (Ed25519) or entries (P-256) with a key in a file or a token. Throws `USAGE` naming the option and the key, and
 * `SIGN` where a token does not answer.
 */
export async function signerOf(option: "log-key" | "other-log-key" | "key", path: string): Promise<Signer> {
	try {
		const signer = await signerAt(path);
		if (option !== "key") rawEd25519(signer.publicKey);
		else assertP256(signer.publicKey);
		return signer;
	} catch (cause) {
		if (!isAuditError(cause, "KEY")) throw cause;
		throw new TrailError(
			"USAGE",
			`--${option} ${path}: ${cause.message} (npm run audit -- keys DIR makes one)`,
			{
				cause,
			},
		);
	}
}

/** A key that is offered to the log of this name. Throws `USAGE` naming the file. */
export function offerOf(path: string, origin: string): OfferedKey {
	try {
		const offered = parseOffer(readFileSync(path, "utf8"));
		if (offered.log === origin) return offered;
		throw new Error(`it is for the log ${offered.log}`);
	} catch (cause) {
		const remedy = `npm run -s audit -- offer KEY --origin ${origin}`;
		throw new TrailError("USAGE", `--add-key ${path} offers no key: ${messageOf(cause)} (${remedy})`, {
			cause,
		});
	}
}

/** A public key of checkpoints from before. Throws `USAGE` naming the file. */
export function formerKeyOf(path: string): KeyObject {
	try {
		const key = createPublicKey(readFileSync(path));
		rawEd25519(key);
		return key;
	} catch (cause) {
		const why = `is no public Ed25519 key in PEM: ${messageOf(cause)}`;
		throw new TrailError("USAGE", `--former-log-key ${path} ${why}`, { cause });
	}
}

/** A public key of entries. Throws `USAGE` naming the option and the file. */
export function entryKeyOf(path: string): KeyObject {
	try {
		const key = createPublicKey(readFileSync(path));
		assertP256(key);
		return key;
	} catch (cause) {
		throw new TrailError(
			"USAGE",
			`--entry-key ${path} is no public P-256 key in PEM: ${messageOf(cause)} (openssl pkey -in PRIVATE -pubout)`,
			{ cause },
		);
	}
}

/** Certificate and key to serve with. Throws `USAGE` naming the files. */
export function identityOf(tls: TrailOptions["tls"]): Pick<SecureContextOptions, "cert" | "key"> | undefined {
	if (tls === undefined) return undefined;
	try {
		const identity = { cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
		createSecureContext(identity);
		return identity;
	} catch (cause) {
		throw new TrailError(
			"USAGE",
			`--tls-cert ${tls.cert} and --tls-key ${tls.key} are no certificate in PEM with its key: ${messageOf(cause)}`,
			{ cause },
		);
	}
}

/** Reads the token of the webhook. Throws `USAGE`. */
export function tokenOf(path: string): string {
	let token: string;
	try {
		token = readFileSync(path, "utf8").trim();
	} catch (cause) {
		throw new TrailError("USAGE", `--kube-audit-token ${path} cannot be read: ${messageOf(cause)}`, {
			cause,
		});
	}
	if (token.length < 16) {
		throw new TrailError(
			"USAGE",
			`--kube-audit-token ${path} holds fewer than 16 characters: openssl rand -hex 32`,
		);
	}
	return token;
}
