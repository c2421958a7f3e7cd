import { loadavg } from "node:os";
import { judge, type Limit, type Summary, summarize, type Verdict } from "./figures.ts";

/** What was measured of one thing, before it is judged. */
export type Measured = {
	/** In the unit of the row, in the order in which they were measured. */
	readonly samples: readonly number[];
	/** What was done, for people. */
	readonly how: string;
};

/** What a row counts. */
export type Unit = "ms" | "ns" | "MB" | "% of a core" | "workloads" | "GETs" | "entries/s";

/** One line of the result. */
export type Row = {
	readonly row: string;
	readonly what: string;
	readonly unit: Unit;
	readonly limit: Limit;
	readonly verdict: Verdict;
	readonly measured: Measured & Summary;
	readonly baseline?: Measured & Summary;
	/** Median of what was measured over that of the baseline. */
	readonly ratio?: number;
	/** Load average over the last minute at the start and the end. */
	readonly load: readonly [number, number];
	/** How long the row took, set-up included. */
	readonly seconds: number;
	readonly fsync: true;
};

/** Notes time and load from now until the row is made. */
export function beginRow() {
	const startedAt = performance.now();
	const load = loadavg()[0] ?? 0;
	return (
		row: string,
		what: string,
		limit: Limit,
		measured: Measured,
		baseline?: Measured,
		unit: Unit = "ms",
	): Row => {
		const summary = summarize(measured.samples);
		const beside = baseline === undefined ? undefined : summarize(baseline.samples);
		return {
			row,
			what,
			unit,
			limit,
			verdict: judge(limit, summary, beside),
			measured: { ...measured, ...summary },
			...(baseline && beside && { baseline: { ...baseline, ...beside }, ratio: summary.p50 / beside.p50 }),
			load: [load, loadavg()[0] ?? 0],
			seconds: (performance.now() - startedAt) / 1000,
			fsync: true,
		};
	};
}

/** A row for people. */
export function describeRow(row: Row): string {
	const { measured, baseline, ratio, limit, load, seconds, unit } = row;
	const lines = [
		`${row.row}: ${row.what}`,
		`    ${verdictOf(row)}`,
		`    measured  ${figures(measured, unit)}  ${measured.how}`,
		...(baseline ? [`    baseline  ${figures(baseline, unit)}  ${baseline.how}`] : []),
		...(ratio === undefined || limit.kind !== "TimesBaseline"
			? []
			: [`    ${ratio.toFixed(2)} times the baseline (medians)`]),
		...(baseline === undefined || limit.kind !== "P99TimesBaseline"
			? []
			: [`    ${(measured.p99 / baseline.p99).toFixed(2)} times the baseline (p99)`]),
		`    load ${load.map((value) => value.toFixed(1)).join(" to ")}, disks with fsync, ${seconds.toFixed(0)} s`,
	];
	return limit.kind === "None" ? lines.filter((_, index) => index !== 1).join("\n") : lines.join("\n");
}

function verdictOf({ verdict, limit, unit }: Row): string {
	switch (limit.kind) {
		case "None":
			return verdict;
		case "TimesBaseline":
			return `${verdict}: at most ${limit.times} times the baseline`;
		case "P99TimesBaseline":
			return `${verdict}: p99 at most ${limit.times} times that of the baseline`;
		case "AtMost":
			return `${verdict}: at most ${limit.value} ${unit}`;
		case "P99Below": {
			const bound = `p99 below ${limit.milliseconds} ms`;
			return verdict === "too busy" ? `machine too busy to judge: ${bound}` : `${verdict}: ${bound}`;
		}
	}
}

function figures({ n, p50, p99, max }: Summary, unit: Unit): string {
	const fixed = (value: number) => value.toFixed(1).padStart(8);
	// With fewer than 100 samples the 99th percentile is the maximum by another name.
	const tail = n < 100 ? "" : `  p99 ${fixed(p99)}`;
	return `n ${String(n).padStart(4)}  p50 ${fixed(p50)}${tail}  max ${fixed(max)} ${unit}`;
}
