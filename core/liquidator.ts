import type { LiquidatorRow } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Column } from "../crds/vocabulary.ts";
import type { Facts } from "./facts.ts";
import type { Pod } from "./observed.ts";
import { matches } from "./selector.ts";
import { isTold, permitColumn, ttlSeconds } from "./signals.ts";
import { type TargetState, targetStates } from "./targets.ts";

/** How far the clocks of two replicas may be apart, both heard from the API server. */
const marginSeconds = 2;

const isLiquidator = (state: TargetState) => isTold(state) && state.action === "Start";

/**
 * The one pod that may close positions, as status names it: a lease whose holder changes only when the one before is
 * not in sight any more. Undefined where none was ever needed, or all of them were confirmed gone since.
 */
export function liquidatorNow(
	desk: TradingSafety,
	{ observed, gone, now }: Facts,
): LiquidatorRow | undefined {
	const before = desk.status?.liquidator;
	const states = targetStates(desk);
	const targets = states.filter(isLiquidator);
	if (targets.length === 0) {
		const resting = states.filter(({ spec }) => spec.preset === "Liquidator");
		return resting.every(({ spec, runs }) => !runs && gone.has(spec.name)) ? undefined : before;
	}
	const pods = observed.pods.filter(
		(pod) => pod.node !== undefined && targets.some(({ spec }) => matches(spec.selector, pod.labels)),
	);
	if (before !== undefined && pods.some(({ uid }) => uid === before.uid)) return before;
	const [next] = pods
		.filter(({ stopping }) => stopping === undefined)
		.toSorted((a, b) => Number(b.ready === true) - Number(a.ready === true) || (a.name < b.name ? -1 : 1));
	if (next === undefined) return before;
	const { uid, name } = next;
	return { uid, name, since: now, ...(before !== undefined && { after: before.name }) };
}

/**
 * The row of permissions of one pod: that of its target, but for a liquidator that does not hold the lease, or not yet
 * for as long as a permit of the holder before may live. `now` by the API server's clock.
 */
export function permitColumnOf(
	desk: TradingSafety,
	state: TargetState,
	pod: Pick<Pod, "uid">,
	isRestored: boolean,
	now: string,
): Column {
	const column = permitColumn(desk, state, isRestored);
	if (!isLiquidator(state)) return column;
	const holder = desk.status?.liquidator;
	if (holder?.uid !== pod.uid) return "Freeze";
	if (holder.after === undefined) return column;
	const heldSeconds = (Date.parse(now) - Date.parse(holder.since)) / 1000;
	return heldSeconds >= ttlSeconds(state.spec) + marginSeconds ? column : "Freeze";
}
