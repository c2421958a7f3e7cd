import type { AnswerProblem, Pod } from "../../core/observed.ts";
import { isTold } from "../../core/signals.ts";
import { type TargetState, targetStates, targetsOf } from "../../core/targets.ts";
import { signalDefaults } from "../../crds/defaults.ts";
import type { Resolve } from "../../gates/address.ts";
import { GateCall } from "../../gates/gate-call.ts";
import type { Acknowledgement } from "../../permits/acknowledgement.ts";
import type { DeskState } from "../desk-state.ts";

/** A pod that is sent permits. Times by `performance.now()`. */
export type Recipient = {
	readonly pod: Pod;
	readonly origin: string;
	readonly path: string;
	readonly target: TargetState;
	readonly gate: GateCall;
	/** When it was first seen Ready; until then it may be starting. */
	readyAt: number | undefined;
	readonly seenAt: number;
	/** For the next permit. */
	challenge: string | undefined;
	/** Its last good answer. */
	answer: { readonly of: Acknowledgement; readonly at: number } | undefined;
	/** When it last gave an answer that was good then. Kept up by the judge. */
	goodAt: number | undefined;
	/** When a process was first heard of there that is another than before: a container that was started again. */
	bornAt: number | undefined;
	/** What came instead, since then. */
	problem: AnswerProblem | undefined;
	/** When the present generation was first asked for since the last good answer, and which that is. */
	asked: { readonly generation: number; readonly at: number } | undefined;
	/** When the last permit was sent. */
	sentAt: number;
	/** True while a permit is on its way. */
	busy: boolean;
};

/** The recipients of a desk by the UID of the pod, as they are now: what is known of those that stay is kept. */
export function recipientsOf(
	desk: DeskState,
	before: ReadonlyMap<string, Recipient>,
	resolve: Resolve,
): ReadonlyMap<string, Recipient> {
	const told = targetStates(desk.object).filter(isTold);
	const after = new Map<string, Recipient>();
	const now = performance.now();
	for (const pod of told.length === 0 ? [] : desk.view.observed().pods) {
		const [target] = targetsOf(told, pod.labels);
		const http = target?.spec.signal?.http;
		const origin = http === undefined ? undefined : resolve(pod, http.port);
		if (target === undefined || http === undefined || origin === undefined) continue;
		const path = http.path ?? signalDefaults.path;
		const known = before.get(pod.uid);
		const isSame = known !== undefined && known.origin === origin && known.path === path;
		const readyAt = (isSame ? known.readyAt : undefined) ?? (pod.ready === true ? now : undefined);
		after.set(
			pod.uid,
			isSame
				? Object.assign(known, { pod, target, readyAt })
				: {
						...{ pod, origin, path, target, gate: new GateCall(origin, path), readyAt, seenAt: now },
						...{ challenge: undefined, answer: undefined, problem: undefined, asked: undefined },
						bornAt: undefined,
						...{ goodAt: undefined, sentAt: Number.NEGATIVE_INFINITY, busy: false },
					},
		);
	}
	for (const [uid, { gate }] of before) if (after.get(uid)?.gate !== gate) void gate.close();
	return after;
}
