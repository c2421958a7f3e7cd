/** The newest sample of one series, as Prometheus gave it. */
export type Sample = {
	/** Its labels, for people. */
	readonly series: string;
	readonly value: number;
	/** How old it is at most, by the clock of Prometheus alone. */
	readonly ageSeconds: number;
};

/** What came of asking Prometheus once; `at` by the API server's clock (RFC 3339). */
export type Reading = { readonly at: string } & (
	| { readonly samples: readonly Sample[] }
	| { readonly error: string }
);

/** The questions that can be put to Prometheus, by their name in spec. */
export const evidenceKinds = ["flat", "ordersCancelled"] as const;
/** One of {@link evidenceKinds}. */
export type EvidenceKind = (typeof evidenceKinds)[number];
/** What Prometheus last answered to each. */
export type Evidence = { readonly [K in EvidenceKind]?: Reading };
