/** Exact percentiles of what was measured, in milliseconds. */
export type Summary = {
	readonly n: number;
	readonly min: number;
	readonly p50: number;
	readonly p99: number;
	readonly max: number;
};

/** `too busy`: the bare baseline alone took over half the limit, so nothing can be said. `printed`: there is no limit. */
export type Verdict = "passed" | "failed" | "too busy" | "printed";

/** What a row must reach. */
export type Limit =
	/** The median, at most this many times the median of the baseline. */
	| { readonly kind: "TimesBaseline"; readonly times: number }
	/** The 99th percentile, at most this many times that of the baseline. */
	| { readonly kind: "P99TimesBaseline"; readonly times: number }
	/** The largest sample at most this, in the unit of the row. */
	| { readonly kind: "AtMost"; readonly value: number }
	/** The 99th percentile below this, where that of the baseline is at most half of it. */
	| { readonly kind: "P99Below"; readonly milliseconds: number }
	| { readonly kind: "None" };

/** The value that `share` of the samples do not exceed (nearest rank). Throws a RangeError without samples. */
export function percentile(samples: readonly number[], share: number): number {
	const sorted = samples.toSorted((a, b) => a - b);
	const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
	if (value === undefined) throw new RangeError("a percentile of no samples");
	return value;
}

/** Throws a RangeError without samples. */
export function summarize(samples: readonly number[]): Summary {
	return {
		n: samples.length,
		min: percentile(samples, 0),
		p50: percentile(samples, 0.5),
		p99: percentile(samples, 0.99),
		max: percentile(samples, 1),
	};
}

/** Judges what was measured beside its baseline. Without a baseline only `None` and `AtMost` can be judged. */
export function judge(limit: Limit, measured: Summary, baseline: Summary | undefined): Verdict {
	if (limit.kind === "None") return "printed";
	if (limit.kind === "AtMost") return measured.max <= limit.value ? "passed" : "failed";
	if (baseline === undefined) throw new RangeError("a limit is judged beside a baseline");
	switch (limit.kind) {
		case "TimesBaseline":
			return measured.p50 <= limit.times * baseline.p50 ? "passed" : "failed";
		case "P99TimesBaseline":
			return measured.p99 <= limit.times * baseline.p99 ? "passed" : "failed";
		case "P99Below":
			if (baseline.p99 > limit.milliseconds / 2) return "too busy";
			return measured.p99 < limit.milliseconds ? "passed" : "failed";
	}
}
