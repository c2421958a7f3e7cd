import type { Hold, TradingSafetyStatus } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Finding } from "./finding.ts";
import { isMilder } from "./sighting.ts";

/** Name of the hold that stands since history went back, until somebody answers for it. */
export const historyRegressed = "HistoryRegressed";

/** The hold of a desk whose history went back. */
export function regressionHolds({ status }: TradingSafety): readonly Hold[] {
	const regressed = status?.regressed;
	if (regressed === undefined) return [];
	return [
		{
			name: historyRegressed,
			message: `history went back: found ${regressed.found}, while ${regressed.remembered} is remembered; check what runs and what is recorded, then acknowledge this hold in a reset request`,
		},
	];
}

/** Whether versions of the desk followed one another as far as replicas remember. */
export function historyIntact({ metadata, status }: TradingSafety): Finding {
	const regressed = status?.regressed;
	if (regressed === undefined) {
		return {
			type: "HistoryIntact",
			status: "True",
			reason: "Continuous",
			message: `generation ${metadata.generation} is no milder than what was remembered before it, unless lowered`,
		};
	}
	return {
		type: "HistoryIntact",
		status: "False",
		reason: historyRegressed,
		message: `at ${regressed.at} found ${regressed.found}, while ${regressed.remembered} was remembered`,
	};
}

/**
 * The status without the regression, once the desk was lowered after it: that took a clearance, which a hold that
 * nobody acknowledges forbids, or an override. Undefined while it stands. Only the leader may write this.
 */
export function withoutRegression(status: TradingSafetyStatus): TradingSafetyStatus | undefined {
	const { regressed, ...rest } = status;
	if (regressed === undefined) return undefined;
	const lowered = (status.history ?? []).some(
		({ generation, from, to }) =>
			generation > (regressed.generation ?? 0) && from !== "Created" && isMilder(to, from),
	);
	if (!lowered) return undefined;
	return { ...rest, holds: (status.holds ?? []).filter((hold) => hold.name !== historyRegressed) };
}
