import { isDeepStrictEqual } from "node:util";
import { freeFields, type TradingSafetySpec } from "../crds/spec.ts";
import type { TradingSafety } from "../crds/types.ts";
import { deskName, type Verb } from "../crds/vocabulary.ts";
import { observes } from "./enforcement.ts";
import { allowedStep, rank } from "./modes.ts";
import { getsMilder } from "./targets.ts";

/** Who asks, and what the API server's authorizer lets them do. */
export type Caller = { readonly name: string; readonly can: (verb: Verb) => boolean };

/** The rule that refuses a change. Each is one validation of the policies. */
export type Refusal =
	| "name"
	| "created-with-request"
	| "created-milder-than-pause"
	| "same-selector"
	| "gets-milder"
	| "target-mode-without-target"
	| "set-by"
	| "raise-not-alone"
	| "lowering-not-alone"
	| "configure"
	| "configure-while-halted"
	| "request-verb"
	| "request-author"
	| "request-answers"
	| "approval"
	| "reset-verb"
	| "fresh-reason"
	| "lowering-author"
	| "step"
	| "target-step"
	| "unfreeze"
	| "not-cleared"
	| "cleared-for-milder"
	| "request-fits"
	| "approvals-missing"
	| "request-kept";

type Spec = TradingSafetySpec;

/** The object as the stamping policy leaves it: who moved the mode last, and no reason of an earlier one. */
export function stamped(before: Spec | undefined, after: Spec, user: string): Spec {
	if (before !== undefined && !moves(before, after)) {
		const { setBy: _claimed, ...rest } = after;
		return before.setBy === undefined ? rest : { ...rest, setBy: before.setBy };
	}
	const stale =
		before !== undefined &&
		(before.reason ?? "") === (after.reason ?? "") &&
		(raisesSomething(before, after) ||
			observes(before) !== observes(after) ||
			!isDeepStrictEqual(before.trip, after.trip));
	return { ...after, setBy: user, ...(stale && { reason: "" }) };
}

/** Which rules refuse this creation; none means it is allowed. The same decision as the policies take in CEL. */
export function judgeCreate(name: string, spec: Spec, caller: Caller): readonly Refusal[] {
	return refusals([
		["name", name === deskName],
		["created-with-request", spec.resetRequest === undefined],
		["created-milder-than-pause", rank(spec.mode) >= rank("Pause") || caller.can("override")],
		["same-selector", !sameSelector(spec)],
		["gets-milder", !spec.targets?.some(getsMilder)],
		...alwaysAsked(undefined, spec, caller),
	]);
}

/** Which rules refuse this update; none means it is allowed. `after` is what the stamping policy left. */
export function judgeChange(before: TradingSafety, after: Spec, caller: Caller): readonly Refusal[] {
	const old = before.spec;
	const always = refusals(alwaysAsked(old, after, caller));
	if (isPureRaise(old, after)) return always;

	const oldRank = rank(old.mode);
	const newRank = rank(after.mode);
	const fallen = loweredTargets(old, after);
	const unfreezes = old.freeze === true && after.freeze !== true;
	const lowers = newRank < oldRank || unfreezes || fallen.length > 0;
	const raises = raisesSomething(old, after);
	const config = !sameConfiguration(old, after);
	const newRequest = after.resetRequest !== undefined && !sameRequest(old, after);
	const approvals = old.resetRequest?.approvals ?? {};
	const approvalsChange = !isDeepStrictEqual(after.resetRequest?.approvals ?? {}, approvals);
	const override = caller.can("override");
	const need = old.reset?.approvals ?? 0;
	const clearance = before.status?.clearance;
	const stale = (clearance?.generation ?? 0) !== (before.metadata.generation ?? 0);

	return [
		...always,
		...refusals([
			[
				"raise-not-alone",
				!raises || !(config || lowers || newRequest || (after.resetRequest !== undefined && approvalsChange)),
			],
			["lowering-not-alone", !lowers || !(config || newRequest)],
			["configure", !config || caller.can("configure")],
			[
				"configure-while-halted",
				!config || !isHalted(old) || isSettingUp(before) || override || onlyEnforces(old, after),
			],
			["same-selector", !sameSelector(after)],
			["gets-milder", !after.targets?.some(getsMilder)],
			["request-verb", !newRequest || caller.can("reset")],
			["request-author", !newRequest || authored(after, caller)],
			["request-answers", !newRequest || answers(old, after)],
			[
				"approval",
				newRequest || lowers || after.resetRequest === undefined || ownApprovals(old, after, caller),
			],
			["reset-verb", !lowers || caller.can("reset") || override],
			["fresh-reason", !lowers || ((after.reason ?? "") !== "" && after.reason !== old.reason)],
			["lowering-author", !lowers || after.setBy === caller.name],
			["step", newRank >= oldRank || allowedStep(oldRank, newRank)],
			["target-step", fallen.every((name) => allowedStep(targetRank(old, name), targetRank(after, name)))],
			["unfreeze", !unfreezes || (newRank === oldRank && newRank >= rank("Pause"))],
			["not-cleared", !lowers || override || !stale],
			["cleared-for-milder", !lowers || override || newRank >= rank(clearance?.toMode)],
			[
				"request-fits",
				!lowers ||
					override ||
					(need === 0 && old.resetRequest === undefined) ||
					requestFits(old, after, unfreezes, fallen),
			],
			["approvals-missing", !lowers || override || Object.keys(approvals).length >= need],
			["request-kept", !lowers || after.resetRequest === undefined],
		]),
	];
}

/** True when no rank falls, freeze does not go off, and nothing else differs but a request that is dropped. */
export function isPureRaise(before: Spec, after: Spec): boolean {
	return (
		rank(after.mode) >= rank(before.mode) &&
		(after.freeze === true || before.freeze !== true) &&
		sameConfiguration(before, after) &&
		(after.resetRequest === undefined || isDeepStrictEqual(after.resetRequest, before.resetRequest)) &&
		loweredTargets(before, after).length === 0
	);
}

/** True when the spec asks for more than Normal anywhere. */
export function isHalted(spec: Spec): boolean {
	return (
		rank(spec.mode) > 0 ||
		spec.freeze === true ||
		Object.keys(spec.targetModes ?? {}).some((name) => targetRank(spec, name) > 0)
	);
}

/** True when a desk stands in Pause and was never Normal: it is still being set up. */
export function isSettingUp({ spec, status }: Pick<TradingSafety, "spec" | "status">): boolean {
	return (
		spec.mode === "Pause" &&
		spec.freeze !== true &&
		Object.keys(spec.targetModes ?? {}).every((name) => targetRank(spec, name) <= rank("Pause")) &&
		status?.wasNormal !== true
	);
}

function alwaysAsked(before: Spec | undefined, after: Spec, caller: Caller): [Refusal, boolean][] {
	const known = new Set([
		...(after.targets ?? []).map((target) => target.name),
		...Object.keys(before?.targetModes ?? {}),
	]);
	const by = after.setBy ?? "";
	return [
		["target-mode-without-target", Object.keys(after.targetModes ?? {}).every((name) => known.has(name))],
		[
			"set-by",
			by === "" ||
				(before !== undefined && by === (before.setBy ?? "")) ||
				(by === caller.name && moves(before, after)),
		],
	];
}

function moves(before: Spec | undefined, after: Spec): boolean {
	return (
		before === undefined ||
		observes(before) !== observes(after) ||
		(["mode", "freeze", "trip", "targetModes"] as const).some(
			(field) => !isDeepStrictEqual(before[field], after[field]),
		)
	);
}

function refusals(rules: readonly (readonly [Refusal, boolean])[]): readonly Refusal[] {
	return rules.filter(([, passes]) => !passes).map(([refusal]) => refusal);
}

function targetRank(spec: Spec, name: string): number {
	const own = spec.targetModes;
	return own !== undefined && Object.hasOwn(own, name) ? rank(own[name]) : 0;
}

function loweredTargets(before: Spec, after: Spec): readonly string[] {
	return Object.keys(before.targetModes ?? {}).filter(
		(name) => targetRank(after, name) < targetRank(before, name),
	);
}

function raisesSomething(before: Spec, after: Spec): boolean {
	return (
		rank(after.mode) > rank(before.mode) ||
		(after.freeze === true && before.freeze !== true) ||
		raisesTarget(before, after)
	);
}

function raisesTarget(before: Spec, after: Spec): boolean {
	return Object.keys(after.targetModes ?? {}).some(
		(name) => targetRank(after, name) > targetRank(before, name),
	);
}

function sameConfiguration(before: Spec, after: Spec): boolean {
	const free: readonly string[] = freeFields;
	const guarded = (spec: Spec) =>
		Object.fromEntries(Object.entries(spec).filter(([key]) => !free.includes(key)));
	return isDeepStrictEqual(guarded(before), guarded(after));
}

/** True when nothing of the configuration differs but enforcement, which takes nothing away. */
function onlyEnforces(before: Spec, after: Spec): boolean {
	const { enforcement: _was, ...old } = before;
	const { enforcement: _is, ...next } = after;
	return sameConfiguration(old, next) && !observes(after);
}

function sameRequest(before: Spec, after: Spec): boolean {
	if (before.resetRequest === undefined || after.resetRequest === undefined) return false;
	const { approvals: _old, ...old } = before.resetRequest;
	const { approvals: _new, ...next } = after.resetRequest;
	return isDeepStrictEqual(old, next);
}

function authored(after: Spec, caller: Caller): boolean {
	const request = after.resetRequest;
	return (request?.requestedBy ?? "") === caller.name && Object.keys(request?.approvals ?? {}).length === 0;
}

function answers(before: Spec, after: Spec): boolean {
	const request = after.resetRequest;
	return (request?.fromMode ?? "") === before.mode && (request?.tripId ?? "") === (before.trip?.id ?? "");
}

function ownApprovals(before: Spec, after: Spec, caller: Caller): boolean {
	const old = before.resetRequest?.approvals ?? {};
	const next = after.resetRequest?.approvals ?? {};
	const unchanged = (name: string) => isDeepStrictEqual(old[name], next[name]);
	return (
		Object.keys(old).every((name) => unchanged(name) || name === caller.name) &&
		Object.keys(next).every(
			(name) =>
				unchanged(name) ||
				(name === caller.name && name !== (after.resetRequest?.requestedBy ?? "") && caller.can("approve")),
		)
	);
}

function requestFits(before: Spec, after: Spec, unfreezes: boolean, fallen: readonly string[]): boolean {
	const request = before.resetRequest;
	return (
		(request?.toMode ?? before.mode) === after.mode &&
		(request?.fromMode ?? "") === before.mode &&
		(request?.tripId ?? "") === (before.trip?.id ?? "") &&
		(request?.reason ?? "") === (after.reason ?? "") &&
		(!unfreezes || request?.unfreeze === true) &&
		fallen.every((name) => request?.targets?.includes(name) === true)
	);
}

function sameSelector(spec: Spec): boolean {
	const targets = spec.targets ?? [];
	return targets.some((a, i) => targets.slice(i + 1).some((b) => isDeepStrictEqual(a.selector, b.selector)));
}
