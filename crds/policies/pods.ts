import { bootModeAnnotation, bootModeVariable, columns, modes, probeLabel } from "../vocabulary.ts";
import {
	columnList,
	denialMessage,
	fenceVariables,
	frozen,
	heldColumns,
	letsPass,
	namespaceValue,
	observes,
	rank,
	selectedTargets,
	selects,
	wantedColumn,
} from "./fragments.ts";
import type { Mutation, Policy } from "./policy.ts";

const pods = { apiGroups: [""], resources: ["pods"] };
const owners = { apiGroups: ["apps"], resources: ["deployments", "statefulsets"] };
const labelsOfPod = "object.metadata.?labels.orValue({})";
const emergency = modes.indexOf("Emergency");

/** The fence that always holds: Pod CREATE. */
export const fence: Policy = {
	name: "fence",
	failurePolicy: "Fail",
	byDesk: true,
	rules: [{ ...pods, operations: ["CREATE"] }],
	variables: [
		...fenceVariables(labelsOfPod),
		{
			name: "stamp",
			expression: `object.metadata.?annotations[?'${bootModeAnnotation}'].orValue('')`,
		},
		{ name: "severity", expression: bootRank() },
	],
	validations: [
		{
			expression: `!('${probeLabel}' in variables.labels)`,
			messageExpression:
				"'fence probe of desk ' + params.metadata.namespace + ' at generation ' + string(params.metadata.?generation.orValue(0)) + ', uid ' + string(params.metadata.?uid.orValue(''))",
		},
		{ expression: "variables.denying.size() == 0", messageExpression: denialMessage },
		{
			expression: `variables.mine.size() > 0 || variables.letsPass || ${namespaceValue} != 'strict'`,
			message:
				"this namespace is strict and no target of its TradingSafety selects this pod: add it to a target",
		},
		{
			// A hand-made stamp milder than what the fence sees. With mutating policies it was overwritten before.
			expression: `variables.mine.size() == 0 || variables.letsPass || variables.stamp == '' || ${rank("variables.stamp")} >= variables.severity`,
			message: `the annotation ${bootModeAnnotation} is milder than the desk's mode: leave it out`,
		},
	],
};

/** Courtesy: the person who scales sees the reason. Pod CREATE is the fence that holds. */
export const scaling: Policy = {
	name: "scaling",
	failurePolicy: "Fail",
	byDesk: true,
	rules: [
		{ ...owners, operations: ["CREATE", "UPDATE"] },
		{ apiGroups: ["apps"], resources: ["deployments/scale", "statefulsets/scale"], operations: ["UPDATE"] },
	],
	matchConditions: [
		{
			// Only growth. An owner without replicas means 1.
			name: "grows",
			expression:
				"object.spec.?replicas.orValue(1) > (oldObject == null ? 0 : oldObject.spec.?replicas.orValue(1))",
		},
	],
	// /scale shows no template but status.selector as text: equality terms only ("app=bot,tier=x").
	variables: fenceVariables(
		"request.?subResource.orValue('') == 'scale' ? dyn(object.?status.selector.orValue('').split(',').filter(x, x.contains('=') && !x.contains('!')).transformMapEntry(i, x, {x.split('=')[0]: x.split('=')[1]})) : dyn(object.spec.template.metadata.?labels.orValue({}))",
	),
	validations: [{ expression: "variables.denying.size() == 0", messageExpression: denialMessage }],
};

/** A pod or template may not leave its target: its owner would start another, unseen. */
export const labels: Policy = {
	name: "labels",
	failurePolicy: "Fail",
	byDesk: true,
	rules: [
		{ ...pods, operations: ["UPDATE"] },
		{ ...owners, operations: ["UPDATE"] },
	],
	matchConditions: [
		{
			name: "labels-change",
			expression:
				"request.resource.resource == 'pods' ? object.metadata.?labels != oldObject.metadata.?labels : object.spec.template.metadata.?labels != oldObject.spec.template.metadata.?labels",
		},
	],
	variables: [
		letsPass,
		{
			name: "was",
			expression:
				"request.resource.resource == 'pods' ? oldObject.metadata.?labels.orValue({}) : oldObject.spec.template.metadata.?labels.orValue({})",
		},
		{
			name: "now",
			expression:
				"request.resource.resource == 'pods' ? object.metadata.?labels.orValue({}) : object.spec.template.metadata.?labels.orValue({})",
		},
		{
			name: "left",
			expression: `${selectedTargets("variables.was")}.filter(t, !${selects("t", "variables.now")}).map(t, t.name)`,
		},
	],
	validations: [
		{
			expression: "variables.letsPass || variables.left.size() == 0",
			messageExpression:
				"'these labels take it out of target ' + variables.left[0] + ' of desk ' + params.metadata.namespace + ': change the selector of the target first'",
		},
	],
};

/**
 * Boot mode: each new pod of a target gets the mode as annotation and variable. JSONPatch, because applying
 * {name, value} onto an entry with valueFrom leaves both, and the pod is refused.
 */
export const bootMode: Mutation = {
	name: "bootmode",
	byDesk: true,
	rules: [{ ...pods, operations: ["CREATE"] }],
	reinvocationPolicy: "IfNeeded",
	variables: [
		{ name: "labels", expression: labelsOfPod },
		{ name: "mine", expression: selectedTargets("variables.labels") },
		{ name: "mode", expression: `${columnList}[${bootRank()}]` },
	],
	jsonPatch: `variables.mine.size() == 0 || ${observes("params.spec")} ? [] : (has(object.metadata.annotations) ? [] : [JSONPatch{op: 'add', path: '/metadata/annotations', value: {}}]) + [JSONPatch{op: 'add', path: '/metadata/annotations/${bootModeAnnotation.replace("/", "~1")}', value: variables.mode}] + ${environment("containers")} + ${environment("initContainers")}`,
};

function environment(list: "containers" | "initContainers"): string {
	const entry = `dyn([dyn({'name': '${bootModeVariable}', 'value': variables.mode})])`;
	const others = `dyn(c.?env.orValue([]).filter(e, e.name != '${bootModeVariable}').map(e, dyn(e)))`;
	return `object.spec.?${list}.orValue([]).transformList(i, c, JSONPatch{op: 'add', path: '/spec/${list}/' + string(i) + '/env', value: ${others} + ${entry}})`;
}

/** Rank of the most severe column against any target of the pod; Freeze, which is no mode, shows as Emergency. */
function bootRank(): string {
	const wanted = `variables.mine.map(t, ${rank(wantedColumn("t"))})`;
	const held = `variables.mine.map(t, ([0] + ${heldColumns("t")}.map(m, ${rank("m")})).max())`;
	const top = columns.length - 1;
	return `([${frozen("params.spec")} ? ${emergency} : 0] + (${wanted} + ${held}).map(r, r == ${top} ? ${emergency} : r)).max()`;
}
