import type { PodSelector } from "../crds/spec.ts";

const name = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)$/;
const prefix = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** True for what Kubernetes accepts as the value of a label. Anything else no pod can carry. */
export function isLabelValue(value: string): boolean {
	return value === "" || name.test(value);
}

/** True for what Kubernetes accepts as the key of a label: a name, with or without `prefix/`. */
export function isLabelKey(key: string): boolean {
	const slash = key.indexOf("/");
	if (slash < 0) return name.test(key);
	return slash <= 253 && prefix.test(key.slice(0, slash)) && name.test(key.slice(slash + 1));
}

/** The keys and values of a selector that no pod can carry, as JSON strings. */
export function impossibleWords({ matchLabels = {}, matchExpressions = [] }: PodSelector): readonly string[] {
	const keys = [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)];
	const values = [
		...Object.values(matchLabels),
		...matchExpressions.flatMap((requirement) => requirement.values ?? []),
	];
	const words = [
		...keys.filter((key) => !isLabelKey(key)),
		...values.filter((value) => !isLabelValue(value)),
	];
	return words.map((word) => JSON.stringify(word));
}
