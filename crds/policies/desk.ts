import { apiGroup, deskName, modes, operatorLabel } from "../vocabulary.ts";
import {
	caller,
	changedConfiguration,
	configurationEqual,
	frozen,
	getsMilder,
	haltedSpec,
	loweredTargets,
	moves,
	needs,
	observes,
	presetTable,
	raisesTarget,
	rank,
	switchesEnforcement,
	targetRank,
} from "./fragments.ts";
import type { Mutation, Policy } from "./policy.ts";

const resources = ["tradingsafeties"];
const on = (...operations: ("CREATE" | "UPDATE" | "DELETE")[]) => [
	{ apiGroups: [apiGroup], resources, operations },
];
const authorizer = (namespace: string) =>
	`authorizer.group('${apiGroup}').resource('tradingsafeties').namespace(${namespace})`;
const oldRank = rank("oldObject.spec.?mode.orValue('')");
const newRank = rank("object.spec.?mode.orValue('')");
const pause = modes.indexOf("Pause");

/** Creation: one per namespace, not milder than Pause, without a ready-made request. */
export const create: Policy = {
	name: "create",
	failurePolicy: "Fail",
	rules: on("CREATE"),
	variables: [
		{ name: "can", expression: authorizer("request.namespace") },
		{ name: "table", expression: presetTable },
	],
	validations: [
		{
			expression: `object.metadata.?name.orValue('') == '${deskName}'`,
			message: `a namespace has one TradingSafety and it is called ${deskName}: set metadata.name to ${deskName}`,
		},
		{
			expression: `!(namespaceObject.metadata.?labels[?'${operatorLabel}'].hasValue())`,
			message:
				"this namespace holds the operator, whose own pods a target could select: give the desk a namespace of its own",
		},
		{
			expression: "!has(object.spec.resetRequest)",
			message: "a reset request cannot be created with the object: create it without, then ask",
		},
		{
			expression: `${newRank} >= ${pause} || variables.can.check('override').allowed()`,
			message: `create it in Pause (leave mode out) and lower it afterwards: creation in Normal is a reset without clearance and ${needs("override")}`,
		},
		...soundTargets(),
	],
};

const raisesSomething = `(${newRank} > ${oldRank} || (${frozen("object.spec")} && !${frozen("oldObject.spec")}) || ${raisesTarget})`;

/** A reason that is still that of an earlier event, in a patch that makes a new one. */
const staleReason = `(oldObject != null && object.spec.?reason.orValue('') != '' && object.spec.?reason == oldObject.spec.?reason && (${raisesSomething} || ${switchesEnforcement} || object.spec.?trip != oldObject.spec.?trip))`;

/**
 * Stamp: who moved the mode, from the request itself; who moves nothing cannot change it. A reason that belongs
 * to the mode before is cleared. It looks only at patches that need it: for up to 5 s after its start an API
 * server answers 503 to whatever a mutating policy of a custom resource matches, failurePolicy or not, since
 * it does not know the schema yet. A raise that carries its author and its reason is not in its way.
 */
export const stamp: Mutation = {
	name: "stamp",
	rules: on("CREATE", "UPDATE"),
	reinvocationPolicy: "Never",
	matchConditions: [
		{
			name: "needs-a-stamp",
			expression: `${moves} ? (object.spec.?setBy.orValue('') != ${caller} || ${staleReason}) : object.spec.?setBy != oldObject.spec.?setBy`,
		},
	],
	// `add` replaces what is there; an ApplyConfiguration could not clear a field.
	jsonPatch:
		`[${moves} ? JSONPatch{op: 'add', path: '/spec/setBy', value: ${caller}} : ` +
		"has(oldObject.spec.setBy) ? JSONPatch{op: 'add', path: '/spec/setBy', value: oldObject.spec.setBy} : JSONPatch{op: 'remove', path: '/spec/setBy'}] + " +
		`(${staleReason} ? [JSONPatch{op: 'add', path: '/spec/reason', value: ''}] : [])`,
};

/** What even a raise must get right. It ignores its own failures: nothing here may stop a raise by accident. */
export const raise: Policy = {
	name: "raise",
	failurePolicy: "Ignore",
	rules: on("CREATE", "UPDATE"),
	variables: [{ name: "by", expression: "object.spec.?setBy.orValue('')" }],
	validations: [
		{
			// Only for keys that this patch adds: it would be a raise without effect.
			expression:
				"object.spec.?targetModes.orValue({}).all(k, (oldObject != null && k in oldObject.spec.?targetModes.orValue({})) || object.spec.?targets.orValue([]).exists(t, t.name == k))",
			messageExpression:
				"'targetModes names no target: ' + object.spec.targetModes.filter(k, !object.spec.?targets.orValue([]).exists(t, t.name == k))[0]",
		},
		{
			expression: `variables.by == '' || (oldObject != null && variables.by == oldObject.spec.?setBy.orValue('')) || (variables.by == ${caller} && ${moves})`,
			messageExpression: `'spec.setBy names who moved the mode last: leave it out, or where the patch moves the mode write your own name, ' + ${caller}`,
		},
	],
};

const sameRequest =
	"(has(oldObject.spec.resetRequest) && dyn(object.spec.resetRequest).all(k, k == 'approvals' || (k in dyn(oldObject.spec.resetRequest) && dyn(object.spec.resetRequest)[k] == dyn(oldObject.spec.resetRequest)[k])) && dyn(oldObject.spec.resetRequest).all(k, k == 'approvals' || k in dyn(object.spec.resetRequest)))";

const targetStep = allowedStep(targetRank("oldObject.spec", "k"), targetRank("object.spec", "k"));

/** Everything but a pure raise: configuration, requests, approvals, lowering. */
export const change: Policy = {
	name: "change",
	failurePolicy: "Fail",
	rules: on("UPDATE"),
	matchConditions: [
		{
			// No rank falls, freeze does not go off, and nothing else differs but a request that is dropped.
			name: "not-a-pure-raise",
			expression: `!(${newRank} >= ${oldRank} && (${frozen("object.spec")} || !${frozen("oldObject.spec")}) && ${configurationEqual} && (!has(object.spec.resetRequest) || object.spec.?resetRequest == oldObject.spec.?resetRequest) && ${loweredTargets}.size() == 0)`,
		},
	],
	variables: [
		{ name: "table", expression: presetTable },
		{ name: "om", expression: oldRank },
		{ name: "nm", expression: newRank },
		{ name: "me", expression: caller },
		{ name: "can", expression: `${authorizer("object.metadata.namespace")}.name(object.metadata.name)` },
		{ name: "override", expression: "variables.can.check('override').allowed()" },
		{ name: "loweredTargets", expression: loweredTargets },
		{ name: "unfreezes", expression: `${frozen("oldObject.spec")} && !${frozen("object.spec")}` },
		{
			name: "lowers",
			expression: "variables.nm < variables.om || variables.unfreezes || variables.loweredTargets.size() > 0",
		},
		{
			name: "raises",
			expression: raisesSomething,
		},
		{ name: "halted", expression: haltedSpec("oldObject.spec") },
		{
			// A desk that was never Normal is still being set up.
			name: "settingUp",
			expression: `variables.om == ${pause} && !${frozen("oldObject.spec")} && oldObject.spec.?targetModes.orValue({}).all(k, ${targetRank("oldObject.spec", "k")} <= ${pause}) && !oldObject.?status.wasNormal.orValue(false)`,
		},
		{ name: "config", expression: `!${configurationEqual}` },
		{ name: "changed", expression: changedConfiguration },
		{ name: "oldApprovals", expression: "oldObject.spec.?resetRequest.approvals.orValue({})" },
		{ name: "newApprovals", expression: "object.spec.?resetRequest.approvals.orValue({})" },
		{ name: "newRequest", expression: `has(object.spec.resetRequest) && !${sameRequest}` },
		{ name: "need", expression: "oldObject.spec.?reset.approvals.orValue(0)" },
		{
			// The request was made against this mode and this trip, and says what this patch does.
			name: "requestFits",
			expression:
				"oldObject.spec.?resetRequest.toMode.orValue(oldObject.spec.mode) == object.spec.mode && oldObject.spec.?resetRequest.fromMode.orValue('') == oldObject.spec.mode && " +
				"oldObject.spec.?resetRequest.tripId.orValue('') == oldObject.spec.?trip.id.orValue('') && oldObject.spec.?resetRequest.reason.orValue('') == object.spec.?reason.orValue('') && " +
				"(!variables.unfreezes || oldObject.spec.?resetRequest.unfreeze.orValue(false)) && variables.loweredTargets.all(n, n in oldObject.spec.?resetRequest.targets.orValue([]))",
		},
	],
	validations: [
		{
			expression:
				"!variables.raises || !(variables.config || variables.lowers || variables.newRequest || (has(object.spec.resetRequest) && variables.newApprovals != variables.oldApprovals))",
			message:
				"this patch raises and changes something else: send the raise alone (mode, targetModes, freeze, reason, trip), then the rest",
		},
		{
			expression: "!variables.lowers || !(variables.config || variables.newRequest)",
			message: "a lowering changes nothing else: send the configuration or the request separately",
		},
		{
			expression: "!variables.config || variables.can.check('configure').allowed()",
			messageExpression: `'changing the configuration (' + variables.changed.join(', ') + ') ${needs("configure")}'`,
		},
		{
			// From Observe to Enforce takes nothing away.
			expression: `!variables.config || !variables.halted || variables.settingUp || variables.override || (variables.changed.all(k, k == 'enforcement') && !${observes("object.spec")})`,
			messageExpression: `'while halted, changing the configuration (' + variables.changed.join(', ') + ') ${needs("override")}: lower to Normal first'`,
		},
		...soundTargets(),
		{
			expression: "!variables.newRequest || variables.can.check('reset').allowed()",
			message: `a reset request ${needs("reset")}`,
		},
		{
			expression:
				"!variables.newRequest || (object.spec.resetRequest.?requestedBy.orValue('') == variables.me && variables.newApprovals.size() == 0)",
			messageExpression:
				"'a reset request carries its author (requestedBy: ' + variables.me + ') and starts without approvals'",
		},
		{
			expression:
				"!variables.newRequest || (object.spec.resetRequest.?fromMode.orValue('') == oldObject.spec.mode && object.spec.resetRequest.?tripId.orValue('') == oldObject.spec.?trip.id.orValue(''))",
			messageExpression:
				"'the request must name what it answers: fromMode: ' + oldObject.spec.mode + ', tripId: \"' + oldObject.spec.?trip.id.orValue('') + '\"'",
		},
		{
			expression:
				"variables.newRequest || variables.lowers || !has(object.spec.resetRequest) || (variables.oldApprovals.all(k, (k in variables.newApprovals && variables.newApprovals[k] == variables.oldApprovals[k]) || k == variables.me) && " +
				"variables.newApprovals.all(k, (k in variables.oldApprovals && variables.newApprovals[k] == variables.oldApprovals[k]) || (k == variables.me && k != object.spec.resetRequest.?requestedBy.orValue('') && variables.can.check('approve').allowed())))",
			messageExpression: `'only the approval of ' + variables.me + ' is yours to add or take back, not to your own request; it ${needs("approve")}'`,
		},
		{
			expression: "!variables.lowers || variables.can.check('reset').allowed() || variables.override",
			message: `lowering ${needs("reset")}`,
		},
		{
			expression:
				"!variables.lowers || (object.spec.?reason.orValue('').size() > 0 && object.spec.?reason.orValue('') != oldObject.spec.?reason.orValue(''))",
			message: "lowering needs a fresh reason: set spec.reason in the same patch",
		},
		{
			expression: "!variables.lowers || object.spec.?setBy.orValue('') == variables.me",
			messageExpression: "'a lowering carries its author: set spec.setBy to ' + variables.me",
		},
		{
			expression: `variables.nm >= variables.om || ${allowedStep("variables.om", "variables.nm")}`,
			messageExpression:
				"oldObject.spec.mode + ' is not lowered to ' + object.spec.mode + ' in one step. Allowed steps: Emergency -> Pause -> Normal, Reduce -> Pause or Normal, Pause -> Normal'",
		},
		{
			expression: `variables.loweredTargets.all(k, ${targetStep})`,
			messageExpression: `'the targetMode of ' + variables.loweredTargets.filter(k, !${targetStep})[0] + ' is not lowered so in one step. Allowed steps: Emergency -> Pause -> Normal, Reduce -> Pause or Normal, Pause -> Normal'`,
		},
		{
			expression: `!variables.unfreezes || (variables.nm == variables.om && variables.nm >= ${pause})`,
			message:
				"ending the freeze leaves the mode as it is, and that is Pause or more severe: raise to Pause first",
		},
		{
			expression:
				"!variables.lowers || variables.override || oldObject.?status.clearance.generation.orValue(0) == oldObject.metadata.generation",
			messageExpression:
				"'not cleared for generation ' + string(oldObject.metadata.generation) + (oldObject.?status.holds.orValue([]).size() > 0 ? ': ' + oldObject.status.holds[0].message : ': see status.holds and status.conditions')",
		},
		{
			expression: `!variables.lowers || variables.override || variables.nm >= ${rank("oldObject.?status.clearance.toMode.orValue('')")}`,
			messageExpression:
				"'cleared only down to ' + oldObject.?status.clearance.toMode.orValue('an unknown mode') + ': lower to that mode first'",
		},
		{
			expression:
				"!variables.lowers || variables.override || (variables.need == 0 && !has(oldObject.spec.resetRequest)) || variables.requestFits",
			messageExpression:
				"has(oldObject.spec.resetRequest) ? 'this lowering is not what the reset request asked for, or a raise since then voided it: compare toMode, fromMode, tripId, reason, unfreeze and targets, or ask anew' : 'this desk asks for approvals: write spec.resetRequest first, and lower when it is approved'",
		},
		{
			expression:
				"!variables.lowers || variables.override || variables.oldApprovals.size() >= variables.need",
			messageExpression:
				'string(variables.oldApprovals.size()) + \' of \' + string(variables.need) + \' approvals: others add theirs with {"spec":{"resetRequest":{"approvals":{THEIR NAME:{}}}}}\'',
		},
		{
			expression: "!variables.lowers || !has(object.spec.resetRequest)",
			message: 'remove the used request in the same patch: "resetRequest": null',
		},
	],
};

/** Emergency -> Pause -> Normal, Reduce -> Pause or Normal, Pause -> Normal, by ranks. */
function allowedStep(from: string, to: string): string {
	const emergency = modes.indexOf("Emergency");
	return `(${from} == ${emergency} ? ${to} == ${pause} : ${to} in [0, ${pause}])`;
}

/** What is wrong with targets whatever else is in the object. Overlaps of other kinds only the operator can see. */
function soundTargets(): Policy["validations"] {
	const targets = "object.spec.?targets.orValue([])";
	const twin = `${targets}.exists(a, ${targets}.exists(b, a.name < b.name && a.selector == b.selector))`;
	return [
		{
			expression: `!${twin}`,
			messageExpression:
				"'two targets have the same selector: ' + object.spec.targets.filter(a, object.spec.targets.exists(b, a.name != b.name && a.selector == b.selector)).map(a, a.name).join(' and ')",
		},
		{
			expression: `!${targets}.exists(t, ${getsMilder("t")})`,
			messageExpression: `'a raise would open target ' + object.spec.targets.filter(t, ${getsMilder("t")})[0].name + ': from Normal over Pause, Reduce and Emergency to Freeze an action may not get milder (Run, Keep, Signal, Stop; Start is apart); the preset gives what is not named, and without one Freeze is Stop'`,
		},
	];
}
