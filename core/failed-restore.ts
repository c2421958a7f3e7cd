import { restoreDefaults } from "../crds/defaults.ts";
import type { TradingSafety } from "../crds/types.ts";
import { type Mode, modes } from "../crds/vocabulary.ts";
import { rank } from "./modes.ts";
import type { RestoreStep } from "./restore.ts";
import { targetStates } from "./targets.ts";

/** What a restore that does not come to its end leads to. */
export type FailedRestore = { readonly to: Mode; readonly stage: string; readonly waitingFor: string };

/**
 * Where a desk is raised to when the stage of a restore that is open has taken too long: to the mode that it was
 * lowered from. Undefined while it may go on, or nothing was lowered. `seconds`: how long the stage has been open.
 */
export function failedRestore(
	desk: TradingSafety,
	{ done, stage, waitingFor }: RestoreStep,
	seconds: number,
): FailedRestore | undefined {
	const state = targetStates(desk).find(({ spec }) => spec.name === stage);
	// One that is not released waits for something to end: to raise would start that again.
	if (done || stage === undefined || state?.admits !== true || !state.runsInNormal) return undefined;
	if (seconds < (desk.spec.restore?.stageSeconds ?? restoreDefaults.stageSeconds)) return undefined;
	const to = loweredFrom(desk);
	return to === undefined ? undefined : { to, stage, waitingFor: waitingFor.join("; ") };
}

function loweredFrom({ spec, status }: TradingSafety): Mode | undefined {
	const { from = "", to = "" } = status?.lastTransition ?? {};
	const before = modes.find((mode) => from.split("+")[0] === mode);
	const isIt = before !== undefined && to.split("+")[0] === spec.mode && rank(before) > rank(spec.mode);
	if (isIt) return before;
	// A freeze or the mode of one target was lowered.
	return spec.mode === "Normal" ? "Pause" : undefined;
}
