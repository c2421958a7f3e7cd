import { permitColumnOf } from "../../core/liquidator.ts";
import type { AnswerProblem, Signals } from "../../core/observed.ts";
import { isToStop } from "../../core/signals.ts";
import { type TargetState, targetStates } from "../../core/targets.ts";
import { signalDefaults } from "../../crds/defaults.ts";
import { acknowledges } from "../../permits/acknowledgement.ts";
import { ttlMilliseconds } from "../../permits/issue.ts";
import { permissionsOf } from "../../permits/permissions.ts";
import type { DeskState } from "../desk-state.ts";
import type { PermitKeys } from "./permit-keys.ts";
import type { Recipient } from "./recipients.ts";

/** How often a raise is asked for before a pod counts as silent. */
export const triesAtMost = 3;
/** How long a silent pod may wait for the leader to close its target to new ones. */
const closingMilliseconds = 250;
/** A pod that never was Ready may take that long to start before it has to answer. */
const bootMilliseconds = 60_000;

/** What a replica has told, and when. Times by `performance.now()`. */
export type Telling = {
	readonly recipients: ReadonlyMap<string, Recipient>;
	/** As read last; undefined before that. */
	readonly keys: Pick<PermitKeys, "problem" | "raiseProblem"> | undefined;
	/** Targets of which a pod to stop was silent since they are told to take less risk. Kept up here: it may be gone soon. */
	readonly hadSilent: Set<string>;
};

/** How long to wait for the answer of a pod of this target before asking again. */
export function ackMilliseconds({ spec }: TargetState): number {
	return spec.signal?.ackMilliseconds ?? signalDefaults.ackMilliseconds;
}

/** What the answers so far come to. `now` by the API server's clock (RFC 3339). */
export function judgeAnswers(desk: DeskState, telling: Telling, isRestored: boolean, now: string): Signals {
	const { uid, generation = 0 } = desk.object.metadata;
	const at = performance.now();
	const states = new Map(targetStates(desk.object).map((state) => [state.spec.name, state]));
	const obeying = new Set<string>();
	const silent = new Set<string>();
	const overdue = new Set<string>();
	const problems = new Map<string, AnswerProblem>();
	for (const [podUid, recipient] of telling.recipients) {
		const state = states.get(recipient.target.spec.name);
		if (state === undefined) continue;
		const permissions = permissionsOf(permitColumnOf(desk.object, state, recipient.pod, isRestored, now));
		const { answer } = recipient;
		const isGood = answer !== undefined && acknowledges(answer.of, { uid, generation }, permissions);
		const isFresh = isGood && at - answer.at < 2 * ttlMilliseconds(state.spec.signal);
		if (isGood) recipient.goodAt = answer.at;
		// A good answer also grows old where nobody asked again: an API server that is away stops all renewals.
		const isAsked = !isGood || (recipient.asked?.at ?? 0) >= answer.at;
		if (isFresh) obeying.add(podUid);
		const came = recipient.problem ?? (answer === undefined || isGood ? undefined : "Disagrees");
		if (!isFresh && came !== undefined) problems.set(podUid, came);
		if (isFresh || !isAsked) continue;
		const lateBy = at - answerBy(recipient, state, generation, at);
		if (lateBy >= 0) silent.add(podUid);
		if (lateBy >= closingMilliseconds) overdue.add(podUid);
	}
	const { hadSilent, keys, recipients } = telling;
	for (const state of states.values()) {
		const { name } = state.spec;
		const isIt = [...silent].some((podUid) => {
			const recipient = recipients.get(podUid);
			return recipient?.target.spec.name === name && isToStop(state, recipient.pod, { obeying, silent });
		});
		if (isIt) hadSilent.add(name);
		else if (state.action !== "Signal") hadSilent.delete(name);
	}
	const found = { obeying, silent, overdue, hadSilent: new Set(hadSilent), problems };
	return {
		...found,
		...(keys?.problem !== undefined && { problem: keys.problem }),
		...(keys !== undefined && { raiseKeyProblem: keys.raiseProblem ?? "" }),
	};
}

/** Until when a pod has to acknowledge what was raised; never, where it was not asked. */
function answerBy(
	{ asked, readyAt, seenAt, bornAt = Number.NEGATIVE_INFINITY, goodAt }: Recipient,
	state: TargetState,
	generation: number,
	now: number,
): number {
	if (state.action !== "Signal" || asked?.generation !== generation) return Number.POSITIVE_INFINITY;
	const startedAt = readyAt ?? seenAt + bootMilliseconds;
	// A process that has just begun anew is asked anew, unless that goes on for longer than good answers count.
	const isRestart = now - (goodAt ?? startedAt) < 2 * ttlMilliseconds(state.spec.signal);
	const begunAt = isRestart ? Math.max(startedAt, bornAt) : startedAt;
	return Math.max(asked.at, begunAt) + triesAtMost * ackMilliseconds(state);
}
