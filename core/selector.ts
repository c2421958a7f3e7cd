import type { PodSelector } from "../crds/spec.ts";

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

/** The selector as the `labelSelector` parameter of a list. `undefined` when it is empty and selects nothing. */
export function labelSelector(selector: PodSelector): string | undefined {
	const terms = [
		...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
		...(selector.matchExpressions ?? []).map(term),
	];
	return terms.length === 0 ? undefined : terms.join(",");
}

function term({ key, operator, values = [] }: Requirement): string {
	switch (operator) {
		case "In":
			return `${key} in (${values.join(",")})`;
		case "NotIn":
			return `${key} notin (${values.join(",")})`;
		case "Exists":
			return key;
		case "DoesNotExist":
			return `!${key}`;
	}
}
