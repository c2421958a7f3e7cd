import { type KeyObject, sign, verify } from "node:crypto";
import { PermitError } from "./error.ts";

/**
 * The headers of a signed message (Standard Webhooks, "Webhook headers"). The signature is of version `v1a`:
 * Ed25519 over `ID.TIMESTAMP.BODY`.
 */
export type SignedHeaders = {
	readonly "webhook-id": string;
	/** Seconds since 1970. */
	readonly "webhook-timestamp": string;
	/** Any number of `VERSION,BASE64`, with a space between: one for each key while keys are exchanged. */
	readonly "webhook-signature": string;
};

/** Names the two keys: that of the operator, and that which also a sidecar has and which can only take away. */
export type Signer = "permit" | "raise";

/** The public keys that a receiver knows, several of a kind while they are exchanged. */
export type KnownKeys = Readonly<Record<Signer, readonly KeyObject[]>>;

/** A message whose signature was found good. */
export type Verified = {
	readonly id: string;
	/** As its sender says, in milliseconds since 1970. */
	readonly sentAt: number;
	readonly signer: Signer;
};

const version = "v1a";
/** Nobody signs with more; a header of thousands would cost as many verifications. */
const signaturesAtMost = 8;

/** Signs with each key. `sentAt` in milliseconds since 1970. */
export function signBody(
	body: string,
	{ id, sentAt }: { readonly id: string; readonly sentAt: number },
	keys: readonly KeyObject[],
): SignedHeaders {
	const timestamp = String(Math.floor(sentAt / 1000));
	const content = Buffer.from(`${id}.${timestamp}.${body}`);
	const signatures = keys.map((key) => `${version},${sign(null, content, key).toString("base64")}`);
	return {
		"webhook-id": id,
		"webhook-timestamp": timestamp,
		"webhook-signature": signatures.join(" "),
	};
}

/** Finds out who signed a body. Freshness is not judged here. Throws `SIGNATURE`. */
export function verifyBody(
	body: string,
	headers: Readonly<Record<string, string | readonly string[] | undefined>>,
	keys: KnownKeys,
): Verified {
	const id = only(headers, "webhook-id");
	const timestamp = only(headers, "webhook-timestamp");
	if (!/^\d{1,12}$/.test(timestamp)) throw new PermitError("SIGNATURE", "webhook-timestamp is no time");
	const content = Buffer.from(`${id}.${timestamp}.${body}`);
	const signatures = only(headers, "webhook-signature").split(" ", signaturesAtMost);
	for (const signature of signatures) {
		const [of, base64 = ""] = signature.split(",");
		if (of !== version) continue;
		const bytes = Buffer.from(base64, "base64");
		// Asked in this order: what both keys signed is the operator's.
		for (const signer of ["permit", "raise"] as const) {
			if (keys[signer].some((key) => verify(null, content, key, bytes))) {
				return { id, sentAt: Number(timestamp) * 1000, signer };
			}
		}
	}
	throw new PermitError("SIGNATURE", "no signature is of a key that is known here");
}

function only(
	headers: Readonly<Record<string, string | readonly string[] | undefined>>,
	name: string,
): string {
	const value = headers[name];
	if (typeof value !== "string" || value === "") throw new PermitError("SIGNATURE", `${name} is missing`);
	return value;
}
