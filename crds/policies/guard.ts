import {
	allowRemovalAnnotation,
	apiGroup,
	apiVersion,
	enforceLabel,
	enforceValues,
	observeValue,
} from "../vocabulary.ts";
import { haltedSpec, needs, rank } from "./fragments.ts";
import type { Policy } from "./policy.ts";

const authorizer = `authorizer.group('${apiGroup}').resource('tradingsafeties')`;
const oldValue = `oldObject.metadata.?labels[?'${enforceLabel}']`;
const fencing = `[${enforceValues.map((value) => `'${value}'`).join(", ")}]`;
const rankOf = (item: string) => rank(`${item}.?fencedAs.orValue('Normal')`);

/** Deleting the object opens the fence. A namespace on its way out lets it go. */
export const deletion: Policy = {
	name: "delete",
	failurePolicy: "Fail",
	rules: [{ apiGroups: [apiGroup], resources: ["tradingsafeties"], operations: ["DELETE"] }],
	matchConditions: [
		{
			name: "not-the-namespace-controller",
			expression: "request.userInfo.username != 'system:serviceaccount:kube-system:namespace-controller'",
		},
	],
	variables: [
		{
			name: "can",
			expression: `${authorizer}.namespace(oldObject.metadata.namespace).name(oldObject.metadata.name)`,
		},
		{ name: "halted", expression: haltedSpec("oldObject.spec") },
	],
	validations: [
		{
			expression: "variables.can.check(variables.halted ? 'override' : 'configure').allowed()",
			messageExpression: `variables.halted ? 'deleting a halted desk opens the fence and ${needs("override")}' : 'deleting the desk ${needs("configure")}'`,
		},
	],
};

/** Whoever writes a clearance or opens a fence lowers; a replica that only observes has no such right. */
export const status: Policy = {
	name: "status",
	failurePolicy: "Fail",
	rules: [{ apiGroups: [apiGroup], resources: ["tradingsafeties/status"], operations: ["UPDATE"] }],
	variables: [
		{ name: "can", expression: `${authorizer}.namespace(request.namespace).name(request.name)` },
		{ name: "clear", expression: "variables.can.check('clear').allowed()" },
		{ name: "before", expression: "oldObject.?status.targets.orValue([])" },
		{ name: "after", expression: "object.?status.targets.orValue([])" },
	],
	validations: [
		{
			expression: "variables.can.check('observe').allowed()",
			message: `writing status ${needs("observe")}`,
		},
		{
			expression:
				"!has(object.status) || !has(object.status.clearance) || object.?status.clearance == oldObject.?status.clearance || variables.clear",
			message: `giving a clearance ${needs("clear")}`,
		},
		{
			expression: `variables.before.all(o, !o.?fencedAs.hasValue() || variables.after.exists(n, n.name == o.name && n.?fencedAs.hasValue() && ${rankOf("n")} >= ${rankOf("o")})) || variables.clear`,
			message: `releasing a target (lowering fencedAs) ${needs("clear")}`,
		},
		{
			expression:
				"variables.after.all(n, !n.?startAllowed.orValue(false) || variables.before.exists(o, o.name == n.name && o.?startAllowed.orValue(false))) || variables.clear",
			message: `allowing a start ${needs("clear")}`,
		},
		{
			expression:
				"variables.after.all(n, !n.?signalled.hasValue() || variables.before.exists(o, o.name == n.name && (o.?signalled.orValue('') == 'Admit' || o.?signalled == n.?signalled))) || variables.clear",
			message: `taking Signal for more than Stop (signalled) ${needs("clear")}`,
		},
		{
			expression:
				"!oldObject.?status.wasNormal.orValue(false) || object.?status.wasNormal.orValue(false) || variables.clear",
			message: `unsaying that the desk was Normal once ${needs("clear")}`,
		},
		{
			expression:
				"!oldObject.?status.regressed.hasValue() || object.?status.regressed == oldObject.?status.regressed || object.?status.regressed.generation.orValue(0) > oldObject.?status.regressed.generation.orValue(0) || variables.clear",
			message: `unsaying that history went back ${needs("clear")}`,
		},
	],
};

/** The label is the fence. */
export const namespaceLabel: Policy = {
	name: "namespace",
	failurePolicy: "Fail",
	// Its subresources change labels as well.
	rules: [
		{
			apiGroups: [""],
			resources: ["namespaces", "namespaces/status", "namespaces/finalize"],
			operations: ["CREATE", "UPDATE"],
		},
	],
	matchConditions: [
		{
			name: "label-changes",
			expression: `object.metadata.?labels[?'${enforceLabel}'] != (oldObject == null ? optional.none() : oldObject.metadata.?labels[?'${enforceLabel}'])`,
		},
	],
	validations: [
		{
			// Putting it on is free, and so is what comes after `observe`, with which nothing was denied.
			expression: `oldObject == null || !(${oldValue}.orValue('') in ${fencing}) || ${authorizer}.namespace(object.metadata.name).check('override').allowed()`,
			message: `the label ${enforceLabel} holds the fence: changing it ${needs("override")}`,
		},
		{
			expression: `object.metadata.?labels[?'${enforceLabel}'].orValue('${observeValue}') in ${fencing} + ['${observeValue}']`,
			message: `the label ${enforceLabel} is ${enforceValues.join(", ")} or ${observeValue}`,
		},
	],
};

/** Without the CRDs the fence opens, and after a restart of the API server labelled namespaces deny every pod. */
export const definitions: Policy = {
	name: "definitions",
	failurePolicy: "Fail",
	rules: [
		{
			apiGroups: ["apiextensions.k8s.io"],
			resources: ["customresourcedefinitions"],
			operations: ["DELETE", "UPDATE"],
			resourceNames: [`tradingsafeties.${apiGroup}`, `restorerecords.${apiGroup}`],
		},
	],
	matchConditions: [
		{
			name: "takes-the-version-away",
			expression: `request.operation == 'DELETE' || !object.spec.versions.exists(v, v.name == '${apiVersion}' && v.served)`,
		},
	],
	validations: [
		{
			expression: `${authorizer}.check('override').allowed() && oldObject.metadata.?annotations[?'${allowRemovalAnnotation}'].orValue('') == 'true'`,
			message: `without this CRD the fence opens, and after a restart of the API server every labelled namespace denies all pods: first remove the policy bindings, then set the annotation ${allowRemovalAnnotation}=true; it ${needs("override")}`,
		},
	],
};
