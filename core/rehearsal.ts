import type { TradingSafety } from "../crds/types.ts";
import { columns } from "../crds/vocabulary.ts";
import { type Culprit, culpritOf, type FailedCall } from "./culprit.ts";
import type { Finding } from "./finding.ts";
import type { Observed, Pod, Workload } from "./observed.ts";
import { matches } from "./selector.ts";
import { type TargetState, targetStates, targetsOf, wantedAction } from "./targets.ts";

/** A call that a halt would need here, to be tried without effect. */
export type Trial =
	| { readonly kind: "DeletePod"; readonly target: string; readonly pod: Pod }
	| { readonly kind: "ScaleToZero"; readonly target: string; readonly workload: Workload }
	| { readonly kind: "CreateRecord" }
	| { readonly kind: "Raise" };

/** A call of a halt and what became of it. */
export type Attempt = {
	/** Such as "deleting a pod of target bots". */
	readonly what: string;
	/** Absent when it would get through. */
	readonly failure?: FailedCall;
};

/** What was tried, and when that was complete (RFC 3339). */
export type Rehearsal = { readonly at: string; readonly attempts: readonly Attempt[] };

/** After this time a rehearsal says nothing about now. */
const staleMilliseconds = 60_000;
const culpritsNamed = 4;
const callsNamed = 4;

/**
 * What a halt would need in this namespace: the deletion of one pod of each target that some mode stops, one
 * scale to zero per kind, a record, a raise. The first by name, so that every replica tries the same.
 */
export function trials(desk: TradingSafety, observed: Observed): readonly Trial[] {
	const stoppable = targetStates(desk).filter(isEverStopped);
	const deletions = stoppable.flatMap(({ spec }): readonly Trial[] => {
		const pod = first(observed.pods.filter((other) => matches(spec.selector, other.labels)));
		return pod === undefined ? [] : [{ kind: "DeletePod", target: spec.name, pod }];
	});
	const owners = observed.workloads.filter((workload) => targetsOf(stoppable, workload.labels).length > 0);
	const scales = [...Map.groupBy(owners, (workload) => workload.kind).values()].flatMap(
		(ofKind): readonly Trial[] => {
			const workload = first(ofKind);
			const [target] = workload === undefined ? [] : targetsOf(stoppable, workload.labels);
			if (workload === undefined || target === undefined) return [];
			return [{ kind: "ScaleToZero", target: target.spec.name, workload }];
		},
	);
	return [...deletions, ...scales, { kind: "CreateRecord" }, { kind: "Raise" }];
}

/** What a trial does, for people. */
export function describeTrial(trial: Trial): string {
	switch (trial.kind) {
		case "DeletePod":
			return `deleting a pod of target ${trial.target}`;
		case "ScaleToZero":
			return `scaling a ${trial.workload.kind} to zero`;
		case "CreateRecord":
			return "creating a RestoreRecord";
		case "Raise":
			return "raising the desk";
	}
}

/** Would a halt get through? `obstacles` are calls of a halt under way that were refused. */
export function rehearsed(
	desk: TradingSafety,
	facts: {
		readonly now: string;
		readonly rehearsal?: Rehearsal;
		readonly obstacles?: readonly Attempt[];
	},
): Finding {
	const { rehearsal, obstacles = [], now } = facts;
	if (obstacles.length > 0) return refused("a halt is under way and is refused", obstacles);
	if (rehearsal === undefined) return notTriedYet(desk);
	const { at, attempts } = rehearsal;
	if (Date.parse(now) - Date.parse(at) > staleMilliseconds) {
		return of("Unknown", "NotTriedLately", `nothing was tried since ${at}`);
	}
	const failed = attempts.filter(({ failure }) => failure !== undefined);
	if (failed.length > 0) return refused("a halt would be refused", failed);
	const tried = attempts.map(({ what }) => what);
	return attempts.length <= 2
		? of(
				"Unknown",
				"NothingToTry",
				`neither a pod nor a workload to try; passed at ${at}: ${tried.join(", ")}`,
			)
		: of("True", "WouldPass", `tried by dry run at ${at}: ${tried.join(", ")}`);
}

/** Another replica may have tried: this one has nothing better to say. */
function notTriedYet(desk: TradingSafety): Finding {
	const said = desk.status?.conditions?.find(({ type }) => type === "Rehearsed");
	return said === undefined
		? of("Unknown", "NotTriedYet", "nothing was tried yet")
		: of(said.status, said.reason, said.message);
}

function refused(headline: string, attempts: readonly Attempt[]): Finding {
	const byCulprit = new Map<string, { readonly culprit: Culprit; readonly calls: string[] }>();
	for (const { what, failure } of attempts) {
		if (failure === undefined) continue;
		const culprit = culpritOf(failure);
		const known = byCulprit.get(culprit.who);
		if (known === undefined) byCulprit.set(culprit.who, { culprit, calls: [what] });
		else known.calls.push(what);
	}
	const all = [...byCulprit.values()];
	// What cannot be rehearsed is no evidence of a failure.
	const real = all.filter(({ culprit }) => culprit.reason !== "DryRunUnsupported");
	const named = (real.length > 0 ? real : all).slice(0, culpritsNamed);
	const lines = named.map(({ culprit, calls }) => `${shortened(calls)}: ${culprit.who}: ${culprit.remedy}`);
	const reason = named[0]?.culprit.reason ?? "Refused";
	return real.length > 0
		? of("False", reason, `${headline}: ${lines.join("; ")}`)
		: of("Unknown", reason, lines.join("; "));
}

function shortened(calls: readonly string[]): string {
	const more = calls.length - callsNamed;
	return more > 0 ? `${calls.slice(0, callsNamed).join(", ")} and ${more} more` : calls.join(", ");
}

function of(status: Finding["status"], reason: string, message: string): Finding {
	return { type: "Rehearsed", status, reason, message };
}

function isEverStopped({ spec }: TargetState): boolean {
	// What is told may have to be stopped all the same.
	return columns.some((column) => ["Stop", "Signal"].includes(wantedAction(spec, column)));
}

function first<T extends { readonly name: string }>(things: readonly T[]): T | undefined {
	return things.reduce<T | undefined>(
		(found, thing) => (found === undefined || thing.name < found.name ? thing : found),
		undefined,
	);
}
