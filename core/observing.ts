import type { TradingSafety } from "../crds/types.ts";
import { isHalted } from "./change.ts";
import { asEnforced } from "./enforcement.ts";
import type { Facts } from "./facts.ts";
import { targetStates } from "./targets.ts";

/** What is in force while a desk only observes a halt: nothing. */
export const nothingInForce = "Observe";

/** Why what spec asks for is not in force while the desk only observes; undefined when nothing keeps it from being so. */
export function unenforced(desk: TradingSafety, facts: Facts): string | undefined {
	const closed = targetStates(asEnforced(desk)).filter((state) => !state.admits);
	if (closed.length > 0) {
		const names = few(closed.map(({ spec, action }) => `${spec.name} (${action})`));
		return `nothing is enforced: Enforce would act on target ${names}`;
	}
	const kept = keptFromBefore(desk, facts);
	if (kept !== undefined) return `nothing is enforced: ${kept}`;
	return isHalted(desk.spec) ? "nothing is enforced, and Enforce would stop nothing" : undefined;
}

/** What the desk would do if it enforced, in numbers. */
export function plannedWork({ planned }: Facts): string {
	const told = planned.filter((effect) => effect.kind === "DeletePod").length;
	const recorded = planned.filter((effect) => effect.kind === "CreateRecord").length;
	const scaled = planned.filter(
		(effect) => effect.kind !== "DeletePod" && effect.workload.replicas > 0,
	).length;
	return planned.length === 0
		? "there would be nothing to stop"
		: `would tell ${told} pods to stop, record ${recorded} workloads and scale ${scaled} to zero`;
}

/** What an enforced halt left behind, and Enforce would bring back; undefined when nothing. */
export function keptFromBefore(desk: TradingSafety, { observed }: Facts): string | undefined {
	const held = (desk.status?.targets ?? []).filter((target) => target.fencedAs !== undefined);
	if (held.length === 0 && observed.records.size === 0) return undefined;
	const names = few(held.map((target) => `${target.name} from ${target.fencedAs}`));
	return `${held.length} targets not released${names === "" ? "" : ` (${names})`}, ${observed.records.size} records kept`;
}

/** The first of many names: a message has a bound. */
function few(names: readonly string[]): string {
	return `${names.slice(0, 5).join(", ")}${names.length > 5 ? ", ..." : ""}`;
}
