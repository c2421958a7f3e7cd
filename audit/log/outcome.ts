/** What became of an entry. */
export type Appended =
	| { readonly kind: "Appended"; readonly index: number }
	| { readonly kind: "Known" }
	| { readonly kind: "Refused"; readonly why: string };

/** Entries of one round at most. */
export const mostInRound = 256;
