import type { TradingSafety } from "../crds/types.ts";
import type { DeviceSeen } from "./armed.ts";
import type { Contest } from "./contest.ts";
import { asEnforced, observes } from "./enforcement.ts";
import type { GuardProbe } from "./guards.ts";
import type { Observed } from "./observed.ts";
import { type StopEffect, stopPlan } from "./plan.ts";
import type { Evidence } from "./readings.ts";
import type { RecordSeen } from "./recording.ts";
import type { Attempt, Rehearsal } from "./rehearsal.ts";
import { type RestoreStep, restoreStep } from "./restore.ts";

/** A denial by the fence that was seen by dry run, and the version of the desk that it was judged by. */
export type FenceProof = {
	readonly generation: number;
	readonly uid: string;
	readonly at: string;
	/** True where it is of the set of policies that stamps who raised. */
	readonly stamped?: boolean;
};

/** Why the fence is not proven. `open`: it was seen not to deny. */
export type FenceDoubt = { readonly error: string; readonly open?: boolean };

/** What trying the fence at one API server came to. */
export type FenceFinding = FenceProof | FenceDoubt;

/** What a replica has seen of a desk at one moment, beside the desk itself. Times are RFC 3339. */
export type Seen = {
	readonly now: string;
	readonly observed: Observed;
	/** The last proof, the least of all API servers, or why there is none. */
	readonly fence: FenceFinding;
	/** True when the fence was seen to be of the set of policies that stamps who raised. */
	readonly stamped: boolean;
	/** Targets whose pods were listed by a fresh read after the fence was proven at this generation: none left. */
	readonly gone: ReadonlyMap<string, { readonly at: string }>;
	/** Targets that are told by permits: every pod of a fresh list had acknowledged this generation. */
	readonly obeyed?: ReadonlyMap<string, { readonly at: string }>;
	/** What Prometheus said of positions and orders, where it was asked. */
	readonly evidence?: Evidence;
	/** What a halt would meet, where that was tried. */
	readonly rehearsal?: Rehearsal;
	/** Whether the policies that guard the way down refuse, where that was tried. */
	readonly guards?: GuardProbe;
	/** Calls of a halt under way that were refused, more than once. */
	readonly obstacles?: readonly Attempt[];
	/** The e-stop devices that there are, as their Leases say. Absent: nobody can see them now. */
	readonly devices?: readonly DeviceSeen[];
	/** How the record stands. Absent: none is kept. */
	readonly record?: RecordSeen;
	/** Value of the enforce label of the namespace. */
	readonly enforceLabel?: string;
	/** Who let stopped workloads grow again, as this replica saw it. Absent: nobody. */
	readonly contests?: readonly Contest[];
};

/** What was seen, and what follows from it: planned once, for everything that is decided from it. */
export type Facts = Seen & {
	/** What must still be done to stop. Nothing while the desk only observes. */
	readonly stop: readonly StopEffect[];
	/** What would be done to stop, while the desk only observes. */
	readonly planned: readonly StopEffect[];
	/** What comes next on the way up. */
	readonly restore: RestoreStep;
};

/** The facts that follow from what was seen. */
export function factsFrom(desk: TradingSafety, seen: Seen): Facts {
	return {
		...seen,
		stop: stopPlan(desk, seen.observed),
		planned: observes(desk.spec) ? stopPlan(asEnforced(desk), seen.observed) : [],
		restore: restoreStep(desk, seen.observed, new Set([...seen.gone.keys(), ...(seen.obeyed?.keys() ?? [])])),
	};
}

/**
 * What several API servers prove together: the least of what each does, since a pod may be sent to any of them.
 * One that could not be asked takes the proof away. `uid` is that of the desk.
 */
export function leastProof(findings: readonly FenceFinding[], uid: string): FenceFinding {
	const doubts = findings.filter((finding) => "error" in finding);
	const doubt = doubts.find(({ open }) => open) ?? doubts[0];
	if (doubt !== undefined) return doubt;
	const proofs = findings.filter((finding) => "generation" in finding);
	const worth = (proof: FenceProof) => (proof.uid === uid ? proof.generation : -1);
	const [least] = proofs.toSorted((a, b) => worth(a) - worth(b));
	const [at] = proofs.map((proof) => proof.at).sort();
	return least === undefined || at === undefined ? { error: "not tried yet" } : { ...least, at };
}

/** True when the fence was seen to deny by exactly this version of the desk, or a later one. */
export function isProven(
	fence: Facts["fence"],
	desk: { readonly uid: string; readonly generation?: number },
): boolean {
	return "generation" in fence && fence.uid === desk.uid && fence.generation >= (desk.generation ?? 0);
}
