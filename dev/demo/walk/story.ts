import type { TradingSafetyStatus } from "../../../crds/status.ts";
import { type Mode, modes } from "../../../crds/vocabulary.ts";
import type { Checks } from "./checks.ts";

/** A change of mode that status must tell of. */
export type Change = {
	readonly from: Mode;
	readonly to: Mode;
	/** As the API server knows them. */
	readonly by: string;
	readonly reason: string;
	readonly generation: number;
};

const isRaise = ({ from, to }: Change) => modes.indexOf(to) > modes.indexOf(from);

/** What status must tell as soon as it speaks of the generation, whatever has come of it by then. */
export function checkStory(
	checks: Checks,
	step: string,
	change: Change,
	before: TradingSafetyStatus,
	after: TradingSafetyStatus,
): void {
	const { from, to, by, reason, generation } = change;
	const row = after.history?.at(-1);
	checks.same(
		`${step}: status.history has one more row, with who and why`,
		{
			rows: after.history?.length,
			generation: row?.generation,
			from: row?.from,
			to: row?.to,
			actor: row?.actor,
			reason: row?.reason,
			override: row?.override,
			gap: row?.gap,
		},
		{ rows: (before.history?.length ?? 0) + 1, generation, from, to, actor: by, reason },
	);
	const total = before.trips?.total ?? 0;
	if (isRaise(change)) {
		const { trips } = after;
		checks.same(
			`${step}: status.trips counts it, with who and why`,
			{ total: trips?.total, by: trips?.last?.by, mode: trips?.last?.mode, reason: trips?.last?.reason },
			{ total: total + 1, by, mode: to, reason },
		);
	} else {
		checks.same(`${step}: status.trips stays as it was`, after.trips?.total ?? 0, total);
	}
	const { lastTransition } = after;
	checks.same(
		`${step}: status.lastTransition tells of it`,
		{ generation: lastTransition?.generation, from: lastTransition?.from, to: lastTransition?.to },
		{ generation, from, to },
	);
}

/** What status must tell once the mode is in force. */
export function checkOutcome(
	checks: Checks,
	step: string,
	change: Change,
	status: TradingSafetyStatus,
): void {
	checks.same(`${step}: status.modeInForce`, status.modeInForce, change.to);
	const { lastTransition } = status;
	const stages = [
		lastTransition?.observedAt,
		...(isRaise(change) ? [lastTransition?.toldAt, lastTransition?.enforcedAt] : []),
		lastTransition?.confirmedAt,
	];
	const ordered = stages.every((at, index) => at !== undefined && (stages[index - 1] ?? at) <= at);
	checks.note(
		`${step}: status.lastTransition has the time of each stage`,
		ordered
			? { good: true }
			: { good: false, expected: "a time per stage, in order", seen: JSON.stringify(lastTransition) },
	);
	const left = status.targets?.filter(({ unconfirmedCount }) => (unconfirmedCount ?? 0) > 0) ?? [];
	checks.same(
		`${step}: status lists no pod as unconfirmed`,
		left.map(({ name }) => name),
		[],
	);
}
