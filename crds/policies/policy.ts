import { apiGroup, apiVersion, deskName, enforceLabel, enforceValues, observeValue } from "../vocabulary.ts";

type Json = { readonly [key: string]: unknown };

/** A named CEL expression. */
export type Variable = { readonly name: string; readonly expression: string };

/** A rule: the expression must be true, or the message is shown. */
export type Validation = {
	readonly expression: string;
	readonly message?: string;
	readonly messageExpression?: string;
};

/** What a policy looks at. */
export type Rule = {
	readonly apiGroups: readonly string[];
	readonly resources: readonly string[];
	readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE")[];
	readonly apiVersions?: readonly string[];
	readonly resourceNames?: readonly string[];
};

/** A policy before it is rendered (admissionregistration.k8s.io/v1). */
export type Policy = {
	/** Name without the project's prefix. */
	readonly name: string;
	readonly failurePolicy: "Fail" | "Ignore";
	readonly rules: readonly Rule[];
	/** The TradingSafety of the namespace is its parameter, and only labelled namespaces are judged. */
	readonly byDesk?: boolean;
	readonly matchConditions?: readonly Variable[];
	readonly variables?: readonly Variable[];
	readonly validations: readonly Validation[];
};

const group = "admissionregistration.k8s.io/v1";
const paramKind = { apiVersion: `${apiGroup}/${apiVersion}`, kind: "TradingSafety" };

/** Name of a policy and of its bindings as the API server reports it. */
export const policyName = (name: string) => `tradingsafety-${name}`;

function resourceRules(rules: readonly Rule[]): readonly Json[] {
	return rules.map((rule) => ({ apiVersions: ["*"], ...rule }));
}

const namespacesLabelled = (...values: readonly string[]) => ({
	matchExpressions: [{ key: enforceLabel, operator: "In", values }],
});

/** Namespaces whose pods are judged: an unlabelled one is never touched, whatever else breaks. */
export const enforcedNamespaces = namespacesLabelled(...enforceValues);

/** A ValidatingAdmissionPolicy with its bindings. One that judges by the desk has a twin that only warns. */
export function validating(policy: Policy): readonly Json[] {
	const name = policyName(policy.name);
	if (!policy.byDesk) return [definition(name, policy, {}), binding(name, name, {})];
	return [
		definition(name, policy, enforcedNamespaces),
		...deskBindings(name),
		...warning(`${name}-${observeValue}`, policy),
	];
}

/**
 * The same rules for namespaces that are only observed. A policy of its own, because a policy that cannot be
 * configured (at the start of an API server, or without the CRD) denies whatever its bindings' actions say,
 * unless it ignores its failures.
 */
function warning(name: string, policy: Policy): readonly Json[] {
	return [
		definition(name, { ...policy, failurePolicy: "Ignore" }, namespacesLabelled(observeValue)),
		binding(name, name, {
			validationActions: ["Warn", "Audit"],
			paramRef: { name: deskName, parameterNotFoundAction: "Allow" },
		}),
	];
}

function definition(name: string, policy: Policy, namespaceSelector: Json): Json {
	return {
		apiVersion: group,
		kind: "ValidatingAdmissionPolicy",
		metadata: { name },
		spec: {
			failurePolicy: policy.failurePolicy,
			...(policy.byDesk && { paramKind }),
			matchConstraints: {
				...(policy.byDesk && { namespaceSelector }),
				resourceRules: resourceRules(policy.rules),
			},
			...(policy.matchConditions && { matchConditions: policy.matchConditions }),
			...(policy.variables && { variables: policy.variables }),
			validations: policy.validations.map((validation) => ({ ...validation, reason: "Forbidden" })),
		},
	};
}

/** In a namespace labelled `targets` a missing desk allows, in `strict` it denies. */
function deskBindings(policyName: string): readonly Json[] {
	return enforceValues.map((value) =>
		binding(`${policyName}-${value}`, policyName, {
			matchResources: { namespaceSelector: { matchLabels: { [enforceLabel]: value } } },
			paramRef: { name: deskName, parameterNotFoundAction: value === "strict" ? "Deny" : "Allow" },
		}),
	);
}

function binding(name: string, policyName: string, rest: Json): Json {
	return {
		apiVersion: group,
		kind: "ValidatingAdmissionPolicyBinding",
		metadata: { name },
		spec: { policyName, validationActions: ["Deny", "Audit"], ...rest },
	};
}

/** A MutatingAdmissionPolicy before it is rendered. */
export type Mutation = {
	readonly name: string;
	readonly rules: readonly Rule[];
	readonly byDesk?: boolean;
	readonly reinvocationPolicy: "Never" | "IfNeeded";
	readonly matchConditions?: readonly Variable[];
	readonly variables?: readonly Variable[];
	/** CEL list of JSONPatch operations. */
	readonly jsonPatch: string;
};

/** A MutatingAdmissionPolicy with its binding. It ignores its own failures: a raise must pass. */
export function mutating(mutation: Mutation): readonly Json[] {
	const name = policyName(mutation.name);
	return [
		{
			apiVersion: group,
			kind: "MutatingAdmissionPolicy",
			metadata: { name },
			spec: {
				failurePolicy: "Ignore",
				reinvocationPolicy: mutation.reinvocationPolicy,
				...(mutation.byDesk && { paramKind }),
				matchConstraints: {
					...(mutation.byDesk && { namespaceSelector: enforcedNamespaces }),
					resourceRules: resourceRules(mutation.rules),
				},
				...(mutation.matchConditions && { matchConditions: mutation.matchConditions }),
				...(mutation.variables && { variables: mutation.variables }),
				mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: mutation.jsonPatch } }],
			},
		},
		{
			apiVersion: group,
			kind: "MutatingAdmissionPolicyBinding",
			metadata: { name },
			spec: {
				policyName: name,
				...(mutation.byDesk && { paramRef: { name: deskName, parameterNotFoundAction: "Allow" } }),
			},
		},
	];
}
