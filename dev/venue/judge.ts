import type { VenueEvent } from "./events.ts";

/** What the venue can say about the orders of one account since a time. Times in milliseconds since 1970. */
export type Judgement = {
	/** Orders that took risk and were accepted at that time or later. */
	readonly riskTaking: number;
	/** The time of the last such order ever, or null. */
	readonly lastRiskTakingAt: number | null;
	readonly riskReducing: number;
	readonly rejected: number;
	/** Counts and last times of accepted risk-taking orders by the process that sent them. */
	readonly instances: Readonly<Record<string, { readonly riskTaking: number; readonly lastAt: number }>>;
	/** Counts are whole for a `since` of this time or later: older orders are only in the log. */
	readonly completeSince: number;
};

type Kind = "riskTaking" | "riskReducing" | "rejected";
type Kept = { readonly at: number; readonly kind: Kind; readonly instance: string };

/** Enough for hours of one bot; the rest is in the log. */
const keptAtMost = 400_000;

/** Remembers what was decided about orders, account by account. */
export function createJudge(startedAt: number) {
	const byAccount = new Map<
		string,
		{ entries: Kept[]; completeSince: number; lastRiskTakingAt: number | null }
	>();

	function note(event: VenueEvent, at: number): void {
		if (event.event !== "order") return;
		const { account, instance, result, effect } = event;
		const record = byAccount.get(account) ?? {
			entries: [],
			completeSince: startedAt,
			lastRiskTakingAt: null,
		};
		byAccount.set(account, record);
		const kind =
			result === "rejected" ? "rejected" : effect === "opens" ? ("riskTaking" as const) : "riskReducing";
		record.entries.push({ at, kind, instance });
		if (kind === "riskTaking") record.lastRiskTakingAt = at;
		if (record.entries.length > keptAtMost) {
			record.entries = record.entries.slice(keptAtMost / 2);
			record.completeSince = record.entries[0]?.at ?? at;
		}
	}

	function judge(account: string, since: number): Judgement {
		const record = byAccount.get(account);
		const entries = record?.entries ?? [];
		const counts: Record<Kind, number> = { riskTaking: 0, riskReducing: 0, rejected: 0 };
		const instances: Record<string, { riskTaking: number; lastAt: number }> = {};
		// From the newest back: `since` is mostly near.
		for (let index = entries.length - 1; index >= 0; index -= 1) {
			const entry = entries[index];
			if (entry === undefined || entry.at < since) break;
			counts[entry.kind] += 1;
			if (entry.kind !== "riskTaking") continue;
			instances[entry.instance] ??= { riskTaking: 0, lastAt: entry.at };
			const instance = instances[entry.instance];
			if (instance !== undefined) instance.riskTaking += 1;
		}
		return {
			...counts,
			lastRiskTakingAt: record?.lastRiskTakingAt ?? null,
			instances,
			completeSince: record?.completeSince ?? startedAt,
		};
	}

	return { note, judge };
}
