import type { PodSelector } from "../crds/spec.ts";
import { isLabelKey, isLabelValue } from "./label-syntax.ts";

/** Labels of a pod or of a pod template. */
export type Labels = Readonly<Record<string, string>>;

/** True when the selector matches the labels. Unlike that of Kubernetes, an empty selector matches nothing. */
export function matches(selector: PodSelector, labels: Labels): boolean {
	const equal = Object.entries(selector.matchLabels ?? {});
	const requirements = selector.matchExpressions ?? [];
	if (equal.length + requirements.length === 0) return false;
	return (
		equal.every(([key, value]) => own(labels, key) === value) &&
		requirements.every((requirement) => holds(requirement, labels))
	);
}

type Requirement = NonNullable<PodSelector["matchExpressions"]>[number];

function holds({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
	const value = own(labels, key);
	const listed = value !== undefined && values.includes(value);
	switch (operator) {
		case "In":
			return listed;
		case "NotIn":
			return !listed;
		case "Exists":
			return value !== undefined;
		case "DoesNotExist":
			return value === undefined;
	}
}

/** Labels come from people: `constructor` must not be found on the prototype. */
function own(labels: Labels, key: string): string | undefined {
	return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/**
 * The selector as the `labelSelector` parameter of a list, empty where it selects everything. `undefined` when no
 * pod can match. Words that no label can have are left out with what they mean: the API server would refuse them,
 * and read a comma in them as another term.
 */
export function labelSelector(selector: PodSelector): string | undefined {
	const equal = Object.entries(selector.matchLabels ?? {});
	const requirements = selector.matchExpressions ?? [];
	if (equal.length + requirements.length === 0) return undefined;
	if (equal.some(([key, value]) => !isLabelKey(key) || !isLabelValue(value))) return undefined;
	const terms = requirements.map(term);
	if (terms.includes(undefined)) return undefined;
	return [...equal.map(([key, value]) => `${key}=${value}`), ...terms]
		.filter((text) => text !== everything)
		.join(",");
}

const everything = "";

/** One term; `everything` where it excludes no pod, undefined where it excludes every one. */
function term({ key, operator, values = [] }: Requirement): string | undefined {
	const possible = isLabelKey(key) ? values.filter(isLabelValue) : [];
	switch (operator) {
		case "In":
			return possible.length === 0 ? undefined : `${key} in (${possible.join(",")})`;
		case "NotIn":
			return possible.length === 0 ? everything : `${key} notin (${possible.join(",")})`;
		case "Exists":
			return isLabelKey(key) ? key : undefined;
		case "DoesNotExist":
			return isLabelKey(key) ? `!${key}` : everything;
	}
}
