import { leaderAccount, operatorAccount } from "../crds/roles.ts";
import type { ContestRow } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Facts } from "./facts.ts";
import type { Finding } from "./finding.ts";
import type { Recorded, Workload } from "./observed.ts";
import { decidingTarget } from "./plan.ts";
import { targetStates } from "./targets.ts";

/** Somebody who let a stopped workload grow again, as one replica counted it. Times are RFC 3339. */
export type Contest = ContestRow;

const rowsKept = 20;
/** Of a condition; a longer one would be refused, and the whole status with it. */
const messageLength = 2048;
/** Field managers of this project: what they set is no contest. */
const ours: readonly string[] = [operatorAccount, leaderAccount];

/**
 * What a workload says that just grew from zero: a contest, unless its target admits it or we did it. Who wrote
 * through /scale is not known; as long as its record is not claimed for this generation, that may have been a
 * restore which this halt has ended.
 */
export function contestOf(
	desk: TradingSafety,
	workload: Workload,
	record: Recorded | undefined,
	now: string,
): Contest | undefined {
	const target = decidingTarget(targetStates(desk), workload.labels);
	if (target === undefined || target.admits || ours.includes(workload.setBy ?? "")) return undefined;
	const isClaimed = record === undefined || record.heldAt >= (desk.metadata.generation ?? 0);
	if (workload.setBy === undefined && !isClaimed) return undefined;
	const { kind, name } = workload;
	const manager = (workload.setBy ?? "unknown").slice(0, 128);
	return { kind, name, target: target.spec.name, manager, times: 1, since: now, last: now };
}

/** What tells one contest from another. */
export const contestKey = ({ kind, name, manager }: Contest): string => `${kind}/${name}/${manager}`;

/** Two counts of the same contest as one. Joined in any order, and however often, they give the same. */
export function joinContests(a: Contest, b: Contest): Contest {
	return {
		...a,
		times: Math.max(a.times, b.times),
		since: a.since < b.since ? a.since : b.since,
		last: a.last > b.last ? a.last : b.last,
	};
}

/**
 * The contests of targets that are stopped now: those in status and those that this replica saw. Each replica
 * counts what it saw itself; as all of them join by the greater count, they end with the same rows.
 */
export function standingContests(desk: TradingSafety, facts: Facts): readonly Contest[] {
	const stopped = new Set(
		targetStates(desk)
			.filter((state) => !state.admits)
			.map((state) => state.spec.name),
	);
	const rows = new Map<string, Contest>();
	const seen = (facts.contests ?? []).map((contest) => ({ ...contest, times: powerOfTwo(contest.times) }));
	for (const contest of [...(desk.status?.contests ?? []), ...seen]) {
		if (!stopped.has(contest.target)) continue;
		const key = contestKey(contest);
		const other = rows.get(key);
		rows.set(key, other === undefined ? contest : joinContests(other, contest));
	}
	return [...rows.values()]
		.sort((a, b) => b.times - a.times || (contestKey(a) < contestKey(b) ? -1 : 1))
		.slice(0, rowsKept);
}

/** Every count in status would be a write of status. */
function powerOfTwo(times: number): number {
	return 2 ** Math.floor(Math.log2(Math.max(1, times)));
}

/** The condition `Contested`. */
export function contested(desk: TradingSafety, facts: Facts): Finding {
	const rows = standingContests(desk, facts);
	if (rows.length === 0) {
		const message = "nobody was seen to let a stopped workload grow again";
		return { type: "Contested", status: "False", reason: "NotSeen", message };
	}
	const told = rows
		.slice(0, 5)
		.map(
			({ kind, name, manager, times, since, last }) =>
				`${kind} ${name} by ${manager}, ${times === 1 ? "once" : `${times} times or more`}, since ${since}, last at ${last}`,
		);
	return {
		type: "Contested",
		status: "True",
		reason: "Reverted",
		message:
			`let grow again and stopped again: ${told.join("; ")}${rows.length > told.length ? "; ..." : ""}`.slice(
				0,
				messageLength,
			),
	};
}
