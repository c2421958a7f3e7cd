import { modeOf, moreSevere } from "../core/modes.ts";
import type { Pod } from "../core/observed.ts";
import { stopPlan } from "../core/plan.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Mode } from "../crds/vocabulary.ts";

/** A pod to delete, and the seconds it is given to end; absent: its own. */
export type Deletion = { readonly pod: Pod; readonly graceSeconds?: number };

/**
 * The pods of a desk that this mode stops and that nobody has told to. What waits for something else first, such as
 * for a flat account, is left to the operator.
 */
export function leftToStop(desk: TradingSafety, mode: Mode, pods: readonly Pod[]): readonly Deletion[] {
	const raised = { ...desk, spec: { ...desk.spec, mode: moreSevere(mode, modeOf(desk.spec.mode)) } };
	return stopPlan(raised, { pods, workloads: [], records: new Map() }).flatMap((effect) =>
		effect.kind === "DeletePod" && effect.pod.stopping === undefined
			? [
					{
						pod: effect.pod,
						...(effect.graceSeconds !== undefined && { graceSeconds: effect.graceSeconds }),
					},
				]
			: [],
	);
}
