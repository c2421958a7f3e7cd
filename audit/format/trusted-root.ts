import type { KeyObject } from "node:crypto";
import { logKeyHash, spkiOf } from "./keys.ts";

/** A key of a log and from when on it signs. */
export type LogKey = {
	readonly key: KeyObject;
	/** RFC 3339. */
	readonly from: string;
	readonly until?: string;
};

/**
 * What sigstore's verifiers are to trust: one log, with each key that it has had. Its name is the host that they compare
 * with the first line of checkpoints.
 */
export function trustedRoot(origin: string, keys: readonly LogKey[]): object {
	return {
		mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		tlogs: keys.map(({ key, from, until }) => ({
			baseUrl: `https://${origin}`,
			hashAlgorithm: "SHA2_256",
			publicKey: {
				rawBytes: spkiOf(key).toString("base64"),
				keyDetails: "PKIX_ED25519",
				validFor: { start: from, ...(until !== undefined && { end: until }) },
			},
			logId: { keyId: logKeyHash(origin, key).toString("base64") },
		})),
		certificateAuthorities: [],
		ctlogs: [],
		timestampAuthorities: [],
	};
}
