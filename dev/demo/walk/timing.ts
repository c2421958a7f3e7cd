import type { Part } from "../desk.ts";
import type { DeskVersion, PodLife } from "./recorder.ts";
import { claimedGeneration } from "./truth.ts";

/** What one step did, for its row in the timing table. */
export type StepFacts = {
	readonly name: string;
	readonly generation: number;
	/** Targets that this step stops. */
	readonly stops: readonly Part[];
	/** Targets that this step starts or brings back. */
	readonly starts: readonly Part[];
	/** When a pod that was admitted before was first denied, by `performance.now()`. */
	readonly deniedAt?: number;
};

/** Milliseconds from the patch; undefined where a step has no such stage. */
export type StepTimes = {
	readonly name: string;
	readonly pods: number;
	readonly denied?: number;
	readonly told?: number;
	readonly gone?: number;
	readonly confirmed?: number;
	readonly restored?: number;
};

/** How long the stages of a step took, counted from when the watch showed the patch. */
export function stepTimes(
	step: StepFacts,
	versions: readonly DeskVersion[],
	pods: readonly PodLife[],
): StepTimes {
	const patch = versions.find(({ object }) => object.metadata.generation === step.generation);
	if (patch === undefined) return { name: step.name, pods: 0 };
	const confirmed = versions.find((version) => claimedGeneration(version) === step.generation);
	const isOf = (parts: readonly Part[]) => (pod: PodLife) => parts.includes(pod.part);
	const stopped = pods
		.filter(isOf(step.stops))
		.filter((pod) => pod.created < patch.revision && (pod.deleted ?? patch.revision + 1n) > patch.revision);
	const started = pods
		.filter(isOf(step.starts))
		.filter((pod) => pod.created > patch.revision && pod.created <= (confirmed?.revision ?? pod.created));
	const since = (at: number | undefined) => (at === undefined ? undefined : Math.max(0, at - patch.seenAt));
	const stages = {
		denied: since(step.deniedAt),
		told: since(last(stopped.map((pod) => pod.toldAt))),
		gone: since(last(stopped.map((pod) => pod.goneAt))),
		restored: since(last(started.map((pod) => pod.readyAt))),
		confirmed: since(confirmed?.seenAt),
	};
	const known = Object.entries(stages).filter(([, value]) => value !== undefined);
	return { name: step.name, pods: stopped.length + started.length, ...Object.fromEntries(known) };
}

/** The table, one line per step. */
export function timingTable(rows: readonly StepTimes[]): readonly string[] {
	const columns = ["denied", "told", "gone", "restored", "confirmed"] as const;
	const cell = (value: number | undefined) => (value === undefined ? "-" : value.toFixed(0)).padStart(10);
	return [
		"Milliseconds from the patch (as the watch showed it) until a new pod was denied, every pod to stop was told, gone,",
		"every pod to start was ready, and status said Confirmed:",
		`${"".padEnd(22)}${"pods".padStart(6)}${columns.map((name) => name.padStart(10)).join("")}`,
		...rows.map(
			(row) =>
				`${row.name.padEnd(22)}${String(row.pods).padStart(6)}${columns.map((name) => cell(row[name])).join("")}`,
		),
	];
}

/** The latest; undefined when there is none or one has not happened. */
function last(moments: readonly (number | undefined)[]): number | undefined {
	const known = moments.filter((moment) => moment !== undefined);
	return known.length === 0 || known.length < moments.length ? undefined : Math.max(...known);
}
