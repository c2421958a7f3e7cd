import { actionSeverity, noPreset, presets, signalledStarts } from "../presets.ts";
import { freeFields, nameLength } from "../spec.ts";
import { actions, columns, enforceLabel, modes, observeValue, type Verb } from "../vocabulary.ts";

// Fragments of CEL that several policies share, rendered from the same values that core decides by.
// Every look-up is total (`[?key]`, `.?field`, `.orValue()`): an evaluation error would refuse a raise or,
// where the policy ignores failures, let a step through unjudged.

const quoted = (values: readonly string[]) => values.map((value) => `'${value}'`).join(", ");

/** CEL map from mode or column to rank. */
export const rankMap = `{${columns.map((column, rank) => `'${column}': ${rank}`).join(", ")}}`;

/** Rank that an unknown word gets: that of Emergency. */
export const unknownRank = modes.indexOf("Emergency");

/** Rank of the mode that the expression yields; an unknown word ranks as Emergency. */
export const rank = (expression: string) => `${rankMap}[?${expression}].orValue(${unknownRank})`;

/** Rank of an element of a `targetModes` map, `Normal` where the key is absent. */
export const targetRank = (spec: string, key: string) =>
	rank(`${spec}.?targetModes[?${key}].orValue('Normal')`);

/** Who asks, as far as `spec.setBy` can hold the name: a longer one would make the stamp refuse a raise. */
export const caller = `(size(request.userInfo.username) <= ${nameLength} ? request.userInfo.username : request.userInfo.username.substring(0, ${nameLength}))`;

/** CEL list of the fields of spec that need no right beyond the right to patch. */
export const freeList = `[${quoted(freeFields)}]`;

/** Is `spec.freeze` on? */
export const frozen = (spec: string) => `${spec}.?freeze.orValue(false)`;

/** Does the desk only observe? Absent and unknown words mean Enforce. */
export const observes = (spec: string) => `(${spec}.?enforcement.orValue('') == 'Observe')`;

/** Does this patch switch between enforcing and observing? */
export const switchesEnforcement = `(oldObject != null && ${observes("object.spec")} != ${observes("oldObject.spec")})`;

/** True when the spec of the parameter or object asks for more than Normal anywhere. */
export const haltedSpec = (spec: string) =>
	`(${rank(`${spec}.?mode.orValue('')`)} > 0 || ${frozen(spec)} || ${spec}.?targetModes.orValue({}).exists(k, ${targetRank(spec, "k")} > 0))`;

/** True when both specs are equal outside {@link freeFields}. Keys of a typed object are listed by `dyn`. */
export const configurationEqual =
	`(dyn(object.spec).all(k, k in ${freeList} || (k in dyn(oldObject.spec) && dyn(object.spec)[k] == dyn(oldObject.spec)[k])) && ` +
	`dyn(oldObject.spec).all(k, k in ${freeList} || k in dyn(object.spec)))`;

/** CEL list of the fields outside {@link freeFields} that this patch changes, for messages. */
export const changedConfiguration =
	`(dyn(object.spec).filter(k, !(k in ${freeList}) && !(k in dyn(oldObject.spec) && dyn(object.spec)[k] == dyn(oldObject.spec)[k])) + ` +
	`dyn(oldObject.spec).filter(k, !(k in ${freeList}) && !(k in dyn(object.spec))))`;

/** True when this patch moves the mode, freeze, trip, a target's own mode or enforcement, in whatever direction. */
export const moves = `(oldObject == null || ${switchesEnforcement} || object.spec.?mode != oldObject.spec.?mode || object.spec.?freeze != oldObject.spec.?freeze || object.spec.?trip != oldObject.spec.?trip || object.spec.?targetModes != oldObject.spec.?targetModes)`;

/** Names of the targets whose own mode falls with this patch. */
export const loweredTargets = `oldObject.spec.?targetModes.orValue({}).filter(k, ${targetRank("object.spec", "k")} < ${targetRank("oldObject.spec", "k")})`;

/** True when some target's own mode rises with this patch. */
export const raisesTarget = `object.spec.?targetModes.orValue({}).exists(k, ${targetRank("object.spec", "k")} > ${targetRank("oldObject.spec", "k")})`;

/**
 * True when the selector of target `t` matches `labels`, a CEL list of maps that are looked through like one: CEL
 * cannot make a single map of a text before Kubernetes 1.33. An empty selector matches nothing.
 */
export const selects = (t: string, labels: string) =>
	`(${t}.?selector.matchLabels.orValue({}).all(k, ${labels}.exists(l, k in l && l[k] == ${t}.selector.matchLabels[k])) && ` +
	`${t}.?selector.matchExpressions.orValue([]).all(e, ` +
	`e.operator == 'In' ? ${labels}.exists(l, e.key in l && l[e.key] in e.?values.orValue([])) : ` +
	`e.operator == 'NotIn' ? !${labels}.exists(l, e.key in l && l[e.key] in e.?values.orValue([])) : ` +
	`e.operator == 'Exists' ? ${labels}.exists(l, e.key in l) : !${labels}.exists(l, e.key in l)) && ` +
	`(${t}.?selector.matchLabels.orValue({}).size() > 0 || ${t}.?selector.matchExpressions.orValue([]).size() > 0))`;

/** CEL list of the targets that select `labels`, a list of maps. */
export const selectedTargets = (labels: string) =>
	`params.spec.?targets.orValue([]).filter(t, ${selects("t", labels)})`;

/** The preset table, as a CEL map of maps; the row '' is that of a target without preset. */
export const presetTable = `{${Object.entries({ ...presets, "": noPreset })
	.map(([name, row]) => {
		const cells = Object.entries(row).map(([column, action]) => `'${column}': '${action}'`);
		return `'${name}': {${cells.join(", ")}}`;
	})
	.join(", ")}}`;

/** CEL list of the columns by rank. */
export const columnList = `[${quoted(columns)}]`;

/** Column that the spec wants for target `t`: Freeze, or the more severe of mode and the target's own mode. */
export const wantedColumn = (t: string) =>
	`(${frozen("params.spec")} ? 'Freeze' : ${columnList}[[${rank("params.spec.?mode.orValue('')")}, ${targetRank("params.spec", `${t}.name`)}].max()])`;

/** CEL list with the columns that status still holds against target `t`: none or one. */
export const heldColumns = (t: string) =>
	`params.?status.targets.orValue([]).filter(s, s.name == ${t}.name && s.?fencedAs.hasValue()).map(s, ${columnList}[${rank("s.fencedAs")}])`;

/** Action of target `t` in column `m`, by its own override or its preset. */
export const actionOf = (t: string, m: string) =>
	`(${m} == 'Pause' ? ${t}.?onPause.action : ${m} == 'Reduce' ? ${t}.?onReduce.action : ${m} == 'Emergency' ? ${t}.?onEmergency.action : optional.none())` +
	`.orValue(variables.table[?${t}.?preset.orValue('')][?${m}].orValue('Stop'))`;

const severities = `{${actions.map((action) => `'${action}': ${actionSeverity[action]}`).join(", ")}}`;

/**
 * True when the action table of target `t` gets milder towards the more severe columns. Such a raise would open
 * it. Start, which opens on purpose and only with leave, is apart.
 */
export const getsMilder = (t: string) =>
	`!${columnList}.map(m, ${actionOf(t, "m")}).filter(a, a != 'Start').map(a, ${severities}[?a].orValue(${actionSeverity.Stop})).isSorted()`;

const statusOf = (t: string, condition: string) =>
	`params.?status.targets.orValue([]).exists(s, s.name == ${t}.name && ${condition})`;

/**
 * True when target `t` may have new pods under action `a` of column `m`. `stamping`: new pods are told the mode;
 * otherwise one of a Signal target is never made in a halt.
 */
const admits = (t: string, a: string, m: string, stamping: boolean) =>
	`(${a} in ['Run', 'Keep'] || (${a} == 'Start' && ${statusOf(t, "s.?startAllowed.orValue(false)")})` +
	(stamping
		? ` || (${a} == 'Signal' && ${t}.?signal.hasValue() && ${m} in [${quoted(signalledStarts)}] && ${statusOf(t, "s.?signalled.orValue('') == 'Admit'")}))`
		: ")");

/** Value of the enforce label of the namespace. */
export const namespaceValue = `namespaceObject.metadata.?labels[?'${enforceLabel}'].orValue('')`;

/**
 * True where everything passes: the desk only observes, and the namespace is not one whose people are warned
 * all the same.
 */
export const letsPass = {
	name: "letsPass",
	expression: `${observes("params.spec")} && ${namespaceValue} != '${observeValue}'`,
};

/** Variables that `denying` needs, given how to find the labels of the pod or pod template, as a list of maps. */
export const fenceVariables = (labels: string, stamping: boolean) => [
	letsPass,
	{ name: "table", expression: presetTable },
	{ name: "labels", expression: labels },
	{ name: "mine", expression: selectedTargets("variables.labels") },
	{
		// Judged twice: by what is wanted now and by what status still holds. Either denies.
		name: "denying",
		expression: `variables.mine.filter(t, !variables.letsPass && ([${wantedColumn("t")}] + ${heldColumns("t")}).exists(m, !${admits("t", actionOf("t", "m"), "m", stamping)}))`,
	},
];

/** Message for people whose pod or workload was denied: which target of which desk, why, and since when. */
export const denialMessage =
	"variables.denying.map(t, " +
	`(${namespaceValue} == '${observeValue}' ? 'would be denied: ' : '') + ` +
	`(${frozen("params.spec")} || ${wantedColumn("t")} != 'Normal' || ${heldColumns("t")}.size() > 0 ? 'trading is halted: ' : '') + ` +
	`'target ' + t.name + ' of desk ' + params.metadata.namespace + ' starts no pods in ' + ${wantedColumn("t")} + ` +
	`${heldColumns("t")}.map(m, ' and is not released from ' + m).join('') + ` +
	"', generation ' + string(params.metadata.?generation.orValue(0)) + " +
	"(params.spec.?reason.orValue('') != '' ? ': ' + params.spec.reason : ''))[0]";

/** The ClusterRole that grants each verb; `crds/roles.ts` defines them. */
const grantedBy: Readonly<Record<Verb, string>> = {
	configure: "tradingsafety-configurer",
	reset: "tradingsafety-resetter",
	approve: "tradingsafety-approver",
	override: "tradingsafety-overrider",
	observe: "tradingsafety-operator",
	clear: "tradingsafety-leader",
};

/** What a person lacks, for the message of a denial, and what gives it to them. */
export const needs = (verb: Verb) => `needs the verb ${verb} (ClusterRole ${grantedBy[verb]})`;
