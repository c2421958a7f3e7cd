import { admissionPolicies } from "./policies/index.ts";
import { operatorNamespace, permitKeySecret, raiseKeySecret } from "./roles.ts";
import { apiGroup } from "./vocabulary.ts";

type Json = { readonly [key: string]: unknown };
type Resources = { readonly group: string; readonly resources: readonly string[] };
type ResourceRule = {
	readonly apiGroups: readonly string[];
	readonly resources: readonly string[];
	readonly operations: readonly string[];
};

const removals = ["delete", "deletecollection"];
const edits = ["create", "update", "patch"];

/**
 * What an API server is to tell the trail (audit.k8s.io/v1, `--audit-policy-file`), and nothing else: attempts on what is ours,
 * and changes of what holds it up. Policies cannot choose by answer or by dry run: `trail/` does. The first rule that fits counts.
 */
export function kubeAuditPolicy(): Json {
	return {
		apiVersion: "audit.k8s.io/v1",
		kind: "Policy",
		metadata: { name: "tradingsafety" },
		omitStages: ["RequestReceived"],
		omitManagedFields: true,
		rules: [
			{ level: "None", nonResourceURLs: ["*"] },
			// What was tried, and what became of it. Their status is written often.
			rule("RequestResponse", [...edits, ...removals], [{ group: apiGroup, resources: ["tradingsafeties"] }]),
			rule("Metadata", [...edits, ...removals], [{ group: apiGroup, resources: ["*"] }]),
			// The answer holds the whole object: a patch of a binding does not name its role.
			rule(
				"RequestResponse",
				[...edits, ...removals],
				[
					{
						group: "rbac.authorization.k8s.io",
						resources: ["roles", "clusterroles", "rolebindings", "clusterrolebindings"],
					},
					{
						group: "admissionregistration.k8s.io",
						resources: [
							"validatingadmissionpolicies",
							"validatingadmissionpolicybindings",
							"mutatingadmissionpolicies",
							"mutatingadmissionpolicybindings",
							"validatingwebhookconfigurations",
							"mutatingwebhookconfigurations",
						],
					},
					{
						group: "flowcontrol.apiserver.k8s.io",
						resources: ["flowschemas", "prioritylevelconfigurations"],
					},
					{ group: "", resources: ["namespaces"] },
				],
			),
			// Definitions are large. What is removed has a body that only says how, and whether it is a dry run.
			rule("Metadata", edits, [{ group: "apiextensions.k8s.io", resources: ["customresourcedefinitions"] }]),
			rule("Request", removals, [
				{ group: "apiextensions.k8s.io", resources: ["customresourcedefinitions"] },
				{ group: "", resources: ["secrets"], resourceNames: secrets },
			]),
			// Never what is in a Secret. One that is created has no name yet when this is decided.
			rule("Metadata", ["get", ...edits], [{ group: "", resources: ["secrets"], resourceNames: secrets }]),
			{
				...rule("Metadata", ["create"], [{ group: "", resources: ["secrets"] }]),
				namespaces: [operatorNamespace],
			},
			...judged(),
			{ level: "None" },
		],
	};
}

const secrets = [permitKeySecret, raiseKeySecret];

function rule(level: string, verbs: readonly string[], resources: readonly (Resources & Json)[]): Json {
	return { level, verbs, resources };
}

/** What the policies about pods and their owners look at. */
function judged(): readonly Json[] {
	const rules = admissionPolicies({ mutating: false }).flatMap((object) => {
		const { matchConstraints } = (object.spec ?? {}) as {
			readonly matchConstraints?: { readonly resourceRules?: readonly ResourceRule[] };
		};
		return matchConstraints?.resourceRules ?? [];
	});
	const isElsewhere = (group: string, resource: string) =>
		group === apiGroup ||
		group === "apiextensions.k8s.io" ||
		(group === "" && resource.startsWith("namespaces"));
	const byVerbs = new Map<string, Map<string, Set<string>>>();
	for (const { apiGroups, resources, operations } of rules) {
		for (const group of apiGroups) {
			for (const resource of resources.filter((one) => !isElsewhere(group, one))) {
				for (const operation of operations) {
					const groups = byVerbs.get(operation) ?? new Map<string, Set<string>>();
					byVerbs.set(operation, groups);
					groups.set(group, (groups.get(group) ?? new Set()).add(resource));
				}
			}
		}
	}
	return [...byVerbs].map(([operation, groups]) =>
		rule(
			"Metadata",
			verbsOf[operation] ?? [],
			[...groups].map(([group, resources]) => ({ group, resources: [...resources].sort() })),
		),
	);
}

const verbsOf: Readonly<Record<string, readonly string[]>> = {
	CREATE: ["create"],
	UPDATE: ["update", "patch"],
	DELETE: removals,
};
