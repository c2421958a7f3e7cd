import { columnOf, modeOf } from "../core/modes.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { DeskView } from "./indicator.ts";

/**
 * A desk as lights tell of it. `isCurrent`: its status was seen to move lately, so that somebody still looks at it;
 * otherwise nothing of it counts as confirmed.
 */
export function deskViewOf({ metadata, spec, status }: TradingSafety, isCurrent: boolean): DeskView {
	const condition = (type: string) => status?.conditions?.find((one) => one.type === type);
	const confirmed = condition("Confirmed");
	const isOfNow = isCurrent && confirmed?.observedGeneration === metadata.generation;
	const wanted = spec.freeze === true ? "Freeze" : modeOf(spec.mode);
	const inForce = status?.modeInForce === undefined ? "Normal" : columnOf(status.modeInForce);
	const audit = condition("AuditCurrent");
	return {
		wanted,
		// Status knows no freeze by itself: it is in force when all of it is confirmed.
		inForce: wanted === "Freeze" && isOfNow && confirmed?.status === "True" ? "Freeze" : inForce,
		confirmed: isOfNow ? (confirmed?.status ?? "Unknown") : "Unknown",
		auditBehind: audit?.status === "False" && audit.reason !== "NotConfigured",
	};
}
