import { isDeepStrictEqual } from "node:util";
import type { ResetRequest } from "../crds/spec.ts";
import { about, actorOf, change, clip, details, type Happening, recordedState } from "./happening.ts";
import type { Step } from "./move-happenings.ts";
import { isMilder, stateWord } from "./sighting.ts";

const path = "resetRequest";

/** A request that came, was approved, used, changed or taken back, and approvals that were taken back or changed. */
export function requested(step: Step): readonly Happening[] {
	const { before, after } = step;
	const [old, request] = [before.spec.resetRequest, after.spec.resetRequest];
	if (isDeepStrictEqual(old, request)) return [];
	const whole = [change(path, old, request)];
	if (request === undefined) {
		const isUsed = isMilder(stateWord(after.spec), stateWord(before.spec));
		const action = isUsed ? "Used" : "Withdrawn";
		return [{ ...resetOf(step, action, old), actor: actorOf(undefined), changes: whole }];
	}
	const isAsked = !isDeepStrictEqual(unapproved(old), unapproved(request));
	if (!isAsked) return approvals(step, old, request);
	const asked = {
		...resetOf(step, "Requested", request),
		actor: actorOf(request.requestedBy),
		changes: whole,
	};
	return [asked, ...approvals(step, { approvals: {} }, request)];
}

/** Each person gives and takes back their own only: a policy sees to that. */
function approvals(step: Step, old: ResetRequest | undefined, request: ResetRequest): readonly Happening[] {
	const was = new Map(Object.entries(old?.approvals ?? {}));
	const is = new Map(Object.entries(request.approvals ?? {}));
	return [...new Set([...was.keys(), ...is.keys()])].flatMap((name) => {
		const [from, to] = [was.get(name), is.get(name)];
		if (isDeepStrictEqual(from, to)) return [];
		const action =
			from === undefined ? "Approved" : to === undefined ? "ApprovalWithdrawn" : "ApprovalChanged";
		return [
			{
				...resetOf(step, action, request, name),
				actor: actorOf(name),
				changes: [change(`${path}.approvals[${name}]`, from, to)],
			},
		];
	});
}

function unapproved(request: ResetRequest | undefined): object | undefined {
	if (request === undefined) return undefined;
	const { approvals: _approvals, ...rest } = request;
	return rest;
}

function resetOf(
	{ was, after }: Step,
	action: string,
	request: ResetRequest | undefined,
	...who: readonly string[]
): Omit<Happening, "actor"> {
	const { reason, fromMode, toMode, tripId, unfreeze, acknowledgedHolds, approvals, requestedBy, targets } =
		request ?? {};
	return {
		...about(after, "Reset", action, ...who),
		...(reason !== undefined && reason !== "" && { justification: clip(reason) }),
		before: was,
		after: recordedState(after),
		metadata: details({
			...{ fromMode, toMode, tripId, unfreeze, requestedBy },
			targets: targets?.join(", "),
			acknowledgedHolds: acknowledgedHolds?.join(", "),
			approvals: Object.keys(approvals ?? {}).join(", "),
		}),
	};
}
