import { isTold } from "../../core/signals.ts";
import { targetStates } from "../../core/targets.ts";
import { ttlMilliseconds } from "../../permits/issue.ts";
import type { DeskState } from "../desk-state.ts";
import { ackMilliseconds, triesAtMost } from "./judge.ts";
import type { Recipient } from "./recipients.ts";

/** How often those are asked that do not answer, when nothing has just changed. */
const slowMilliseconds = 1_000;

/** How long a permit of this target lives: milliseconds. */
export const lifeOf = (target: Recipient["target"]) => ttlMilliseconds(target.spec.signal);

/** The shortest life of a permit that this desk sends: milliseconds. */
export function shortestLife({ object }: DeskState): number {
	return Math.min(...targetStates(object).filter(isTold).map(lifeOf));
}

/** How long to wait before those are asked again that have not acknowledged: milliseconds. */
export function pauseBetweenTries(
	{ object, signals }: DeskState,
	{
		pushed,
		recipients,
	}: {
		readonly pushed: { readonly at: number } | undefined;
		readonly recipients: ReadonlyMap<string, Recipient>;
	},
	now: number,
): number {
	const told = targetStates(object).filter((state) => isTold(state) && state.action === "Signal");
	if (told.length === 0) return Number.POSITIVE_INFINITY;
	const soon = Math.min(...told.map(ackMilliseconds));
	const isYoung = pushed !== undefined && now - pushed.at < 2 * triesAtMost * soon;
	const isLate = [...recipients.keys()].some((uid) => signals?.obeying.has(uid) !== true);
	return isYoung && isLate ? soon : slowMilliseconds;
}
