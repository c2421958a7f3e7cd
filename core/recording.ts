import type { Hold, TradingSafetyStatus } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import { type Finding, finding } from "./finding.ts";

/** What is known of the record of a desk. */
export type RecordSeen =
	/** The leader tells of it, and this replica is not the leader. */
	| { readonly kind: "Elsewhere" }
	| {
			/**
			 * Current: all that was recorded is in the store. Behind: it is not there yet. Failing: the disk does not take it.
			 */
			readonly kind: "Current" | "Behind" | "Failing";
			/** True once what made the present generation is in the store. */
			readonly isStored: boolean;
			/** True once it is on the operator's disk; before, it is in memory alone. */
			readonly isOnDisk: boolean;
			readonly why?: string;
	  };

/** `status.record`. */
export type RecordTold = NonNullable<TradingSafetyStatus["record"]>;

/** The hold of a desk whose last change is not in the store. */
export const auditBehind = "AuditBehind";
const type = "AuditCurrent";
/** What the leader said is not believed for longer. */
const staleMilliseconds = 60_000;

/** `status.record`: what the leader knows now, or said last. */
export function recordTold(
	desk: TradingSafety,
	record: RecordSeen | undefined,
	now: string,
): RecordTold | undefined {
	if (record === undefined) return undefined;
	if (record.kind === "Elsewhere") return desk.status?.record;
	const generation = record.isStored ? desk.metadata.generation : desk.status?.record?.generation;
	return { at: now, state: record.kind, ...(generation !== undefined && { generation }) };
}

/** Is everything that happened in the store, where nobody can change it? */
export function auditCurrent(desk: TradingSafety, record: RecordSeen | undefined, now: string): Finding {
	switch (record?.kind) {
		case undefined:
			return finding(type, "False", "NotConfigured", "no audit store is configured: nothing is proven later");
		case "Elsewhere":
			return lastTold(desk, now);
		case "Current":
			return finding(type, "True", "Stored", `all that was recorded is in the store, seen at ${now}`);
		case "Behind":
			return finding(
				type,
				"False",
				"Behind",
				`${where(record.isOnDisk)}: ${record.why ?? "it is being brought there"}`,
			);
		case "Failing":
			return finding(
				type,
				"False",
				"NotRecorded",
				`what happens is not recorded, or soon not: ${record.why ?? "the disk fails"}`,
			);
	}
}

function where(isOnDisk: boolean): string {
	return isOnDisk
		? "what happened is on the operator's disk and not in the store"
		: "what happened is neither in the store nor on the operator's disk yet";
}

function lastTold({ status }: TradingSafety, now: string): Finding {
	const said = status?.conditions?.find((condition) => condition.type === type);
	const at = status?.record?.at;
	const isFresh = at !== undefined && Date.parse(now) - Date.parse(at) < staleMilliseconds;
	if (said === undefined || !isFresh) {
		return finding(type, "Unknown", "NotSeen", "no leader has said for a minute how the record stands");
	}
	return finding(type, said.status, said.reason, said.message);
}

/** Lowering waits until what made this generation is in the store. */
export function recordHolds(desk: TradingSafety, record: RecordSeen | undefined): readonly Hold[] {
	switch (record?.kind) {
		case undefined:
			return [];
		case "Elsewhere":
			return (desk.status?.holds ?? []).filter(({ name }) => name === auditBehind);
		case "Current":
		case "Behind":
		case "Failing":
			if (record.isStored) return [];
			return [{ name: auditBehind, message: remedy(desk, record) }];
	}
}

function remedy(
	{ spec, metadata }: TradingSafety,
	{ kind, isOnDisk }: Exclude<RecordSeen, { kind: "Elsewhere" }>,
): string {
	const what = `what made generation ${metadata.generation} is not in the audit store yet (AuditCurrent says why)`;
	if (kind === "Failing" || !isOnDisk)
		return `${what}, and not on the operator's disk: mend that, or lower with the verb override`;
	if (spec.reset?.requireAudit !== "Spool") return `${what}: mend the store, or lower with the verb override`;
	return `${what}: it is on disk; a request that acknowledges ${auditBehind} with ${approvalsWanted(spec) + 1} approvals does`;
}

/**
 * True where a request makes up for a store that is away: `requireAudit: Spool`, the hold acknowledged by name, and one
 * approval more than otherwise. The disk has to have it all the same.
 */
export function isLeftToSpool({ spec }: TradingSafety, record: RecordSeen | undefined): boolean {
	const { resetRequest, reset } = spec;
	if (reset?.requireAudit !== "Spool" || record?.kind !== "Behind" || !record.isOnDisk) return false;
	const others = Object.keys(resetRequest?.approvals ?? {}).filter(
		(name) => name !== resetRequest?.requestedBy,
	);
	return (
		resetRequest?.acknowledgedHolds?.includes(auditBehind) === true && others.length > approvalsWanted(spec)
	);
}

function approvalsWanted({ reset }: TradingSafety["spec"]): number {
	return reset?.approvals ?? 0;
}
