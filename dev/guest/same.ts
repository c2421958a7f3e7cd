/**
 * The first place where what the API server has differs from a manifest, such as `spec.validations.0.expression`;
 * undefined when it says the same. What the API server adds by itself is no difference, and neither are
 * `metadata` and `status`.
 */
export function difference(manifest: object, live: object): string | undefined {
	const without = (object: object) =>
		Object.fromEntries(Object.entries(object).filter(([key]) => key !== "metadata" && key !== "status"));
	return differs(without(manifest), without(live), []);
}

/** What the API server fills in where a manifest says nothing, as JSON. */
const defaults: Readonly<Record<string, readonly unknown[]>> = {
	conversion: [{ strategy: "None" }],
	failurePolicy: ["Fail"],
	matchPolicy: ["Equivalent"],
	parameterNotFoundAction: ["Deny"],
	reinvocationPolicy: ["Never"],
	scope: ["*"],
};

function differs(wanted: unknown, found: unknown, path: readonly (string | number)[]): string | undefined {
	const here = path.join(".");
	if (Array.isArray(wanted) && Array.isArray(found)) {
		if (wanted.length !== found.length) return here;
		return first(wanted.map((item, index) => differs(item, found[index], [...path, index])));
	}
	if (isObject(wanted) && isObject(found)) {
		const keys = [...new Set([...Object.keys(wanted), ...Object.keys(found)])];
		return first(
			keys.map((key) => {
				const inside = [...path, key];
				if (key in wanted) return differs(wanted[key], found[key], inside);
				// A ClusterRole that collects the rules of others gets them from the API server.
				if (key === "rules" && "aggregationRule" in wanted) return undefined;
				return isAdded(key, found[key]) ? undefined : inside.join(".");
			}),
		);
	}
	return Object.is(wanted, found) ? undefined : here;
}

function isAdded(key: string, value: unknown): boolean {
	if (value === null) return true;
	if (isObject(value) && Object.keys(value).length === 0) return true;
	if (Array.isArray(value) && value.length === 0) return true;
	const text = JSON.stringify(value);
	return (defaults[key] ?? []).some((known) => JSON.stringify(known) === text);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function first(found: readonly (string | undefined)[]): string | undefined {
	return found.find((item) => item !== undefined);
}
