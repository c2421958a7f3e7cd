import {
	bootModeAnnotation,
	bootModeVariable,
	columns,
	modes,
	probeLabel,
	stoppedNodeLabel,
	unstamped,
} from "../vocabulary.ts";
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
const scaled = ["deployments", "statefulsets", "replicasets"];
const owners = [
	{ apiGroups: ["apps"], resources: [...scaled, "daemonsets"] },
	{ apiGroups: ["batch"], resources: ["jobs", "cronjobs"] },
];
/** Labels of the pods that an owner makes. */
const templateLabels = (owner: string) =>
	`(request.resource.resource == 'cronjobs' ? ${owner}.spec.jobTemplate.spec.template.?metadata.labels.orValue({}) : ${owner}.spec.template.?metadata.labels.orValue({}))`;
/** What an owner asks for: replicas (1 when absent), or 1 while one of the other kinds may run. */
const replicas = (owner: string) =>
	`(request.resource.group == 'batch' ? (${owner}.spec.?suspend.orValue(false) ? 0 : 1) : request.resource.resource == 'daemonsets' ? ('${stoppedNodeLabel}' in ${owner}.spec.template.spec.?nodeSelector.orValue({}) ? 0 : 1) : ${owner}.spec.?replicas.orValue(1))`;
const labelsOfPod = "[object.metadata.?labels.orValue({})]";
const emergency = modes.indexOf("Emergency");

/**
 * The fence that always holds: Pod CREATE. Its probe tells whether the set it belongs to stamps; only that one
 * could admit pods of a Signal target, since only there a new pod is told the mode.
 */
export const fence = (options: { readonly mutating: boolean }): Policy => ({
	name: "fence",
	failurePolicy: "Fail",
	byDesk: true,
	rules: [{ ...pods, operations: ["CREATE"] }],
	variables: [
		...fenceVariables(labelsOfPod, options.mutating),
		{
			name: "stamp",
			expression: `object.metadata.?annotations[?'${bootModeAnnotation}'].orValue('')`,
		},
		{ name: "severity", expression: bootRank() },
	],
	validations: [
		{
			expression: `!('${probeLabel}' in variables.labels[0])`,
			messageExpression:
				"'fence probe of desk ' + params.metadata.namespace + ' at generation ' + string(params.metadata.?generation.orValue(0)) + ', uid ' + string(params.metadata.?uid.orValue(''))" +
				(options.mutating ? "" : ` + '${unstamped}'`),
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
});

/** Courtesy: the person who scales sees the reason. Pod CREATE is the fence that holds. */
export const scaling = (options: { readonly mutating: boolean }): Policy => ({
	name: "scaling",
	failurePolicy: "Fail",
	byDesk: true,
	rules: [
		...owners.map((rule) => ({ ...rule, operations: ["CREATE", "UPDATE"] as const })),
		{ apiGroups: ["apps"], resources: scaled.map((name) => `${name}/scale`), operations: ["UPDATE"] },
	],
	matchConditions: [
		{
			name: "grows",
			expression: `${replicas("object")} > (oldObject == null ? 0 : ${replicas("oldObject")})`,
		},
	],
	// /scale shows no template but status.selector as text: equality terms only ("app=bot,tier=x").
	variables: fenceVariables(
		`request.?subResource.orValue('') == 'scale' ? dyn(object.?status.selector.orValue('').split(',').filter(x, x.contains('=') && !x.contains('!')).map(x, {x.split('=')[0]: x.split('=')[1]})) : dyn([${templateLabels("object")}])`,
		options.mutating,
	),
	validations: [{ expression: "variables.denying.size() == 0", messageExpression: denialMessage }],
});

/** A pod or template may not leave its target: its owner would start another, unseen. */
export const labels: Policy = {
	name: "labels",
	failurePolicy: "Fail",
	byDesk: true,
	rules: [
		{ ...pods, operations: ["UPDATE"] },
		...owners.map((rule) => ({ ...rule, operations: ["UPDATE"] as const })),
	],
	matchConditions: [
		{
			name: "labels-change",
			expression: `request.resource.resource == 'pods' ? object.metadata.?labels != oldObject.metadata.?labels : ${templateLabels("object")} != ${templateLabels("oldObject")}`,
		},
	],
	variables: [
		letsPass,
		{
			name: "was",
			expression: `request.resource.resource == 'pods' ? oldObject.metadata.?labels.orValue({}) : ${templateLabels("oldObject")}`,
		},
		{
			name: "now",
			expression: `request.resource.resource == 'pods' ? object.metadata.?labels.orValue({}) : ${templateLabels("object")}`,
		},
		{
			name: "left",
			expression: `${selectedTargets("[variables.was]")}.filter(t, !${selects("t", "[variables.now]")}).map(t, t.name)`,
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
