import type { TokenKey } from "./uri.ts";

// What is said between a signer and the process that holds the token.

/** The kinds of keys that sign here. */
export type TokenKeyKind = "P256" | "Ed25519";

/** Asks for a signature. Of a P-256 key over a digest, of an Ed25519 key over the bytes themselves. */
export type TokenRequest =
	| { readonly number: number; readonly kind: "Open"; readonly key: TokenKey }
	| { readonly number: number; readonly kind: "Sign"; readonly bytes: Uint8Array };

/** Its answer, by the same number. */
export type TokenAnswer =
	| {
			readonly number: number;
			readonly kind: "Opened";
			readonly keyKind: TokenKeyKind;
			/** DER (SubjectPublicKeyInfo). */
			readonly publicKey: Uint8Array;
	  }
	/** As the token gives it: r and s side by side, or the 64 bytes of Ed25519. */
	| { readonly number: number; readonly kind: "Signed"; readonly signature: Uint8Array }
	| {
			readonly number: number;
			readonly kind: "Failed";
			readonly why: string;
			readonly failure: TokenFailure;
	  };

/** What is to be done about a failure. */
export type TokenFailure =
	/** It may be better later: the token is away, its session was lost. */
	| "Away"
	/** The token has refused the PIN: it counts, and locks after a few. */
	| "Pin"
	/** What is asked for is not there, or not fit: nothing changes that but people. */
	| "Wrong";
