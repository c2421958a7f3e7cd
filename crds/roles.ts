import { apiGroup, operatorLabel } from "./vocabulary.ts";

type Json = { readonly [key: string]: unknown };
type PolicyRule = {
	readonly apiGroups: readonly string[];
	readonly resources: readonly string[];
	readonly verbs: readonly string[];
	readonly resourceNames?: readonly string[];
};

/** Namespace of the operator. */
export const operatorNamespace = "tradingsafety-system";
/** Account that the operator runs as: it can raise, stop and observe, and has no right to lower. */
export const operatorAccount = "tradingsafety-operator";
/** Account that clears, releases and restores; the operator asks for its token while it holds the lease. */
export const leaderAccount = "tradingsafety-leader";
/** Name of the Lease that makes a replica the leader. */
export const leaderLease = "tradingsafety-leader";

const desks = (...verbs: string[]): PolicyRule => ({
	apiGroups: [apiGroup],
	resources: ["tradingsafeties"],
	verbs,
});
const read = ["get", "list", "watch"];
const seeRecords: PolicyRule = { apiGroups: [apiGroup], resources: ["restorerecords"], verbs: read };
const writeStatus: PolicyRule = {
	apiGroups: [apiGroup],
	resources: ["tradingsafeties/status"],
	verbs: ["get", "patch"],
};
const scale: PolicyRule = {
	apiGroups: ["apps"],
	resources: ["deployments/scale", "statefulsets/scale"],
	verbs: ["get", "patch"],
};

/** Roles to bind to people and to the operator. Each is small: bind several where one person does several things. */
export const clusterRoles: Readonly<Record<string, readonly PolicyRule[]>> = {
	"tradingsafety-viewer": [desks(...read), seeRecords],
	"tradingsafety-raiser": [desks(...read, "patch"), seeRecords],
	"tradingsafety-resetter": [desks(...read, "patch", "reset"), seeRecords],
	"tradingsafety-approver": [desks(...read, "patch", "approve"), seeRecords],
	"tradingsafety-configurer": [
		desks(...read, "create", "update", "patch", "delete", "configure"),
		seeRecords,
	],
	"tradingsafety-overrider": [
		desks(...read, "create", "update", "patch", "delete", "configure", "reset", "override"),
		seeRecords,
	],
	[operatorAccount]: [
		desks(...read, "patch", "observe"),
		writeStatus,
		{ apiGroups: [apiGroup], resources: ["restorerecords"], verbs: [...read, "create", "patch"] },
		// `create` only for the dry runs that prove the fence.
		{ apiGroups: [""], resources: ["pods"], verbs: [...read, "create", "delete"] },
		{ apiGroups: [""], resources: ["namespaces"], verbs: read },
		{ apiGroups: ["apps"], resources: ["deployments", "statefulsets"], verbs: read },
		scale,
		{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
	],
	[leaderAccount]: [
		desks(...read, "observe", "clear"),
		writeStatus,
		{ apiGroups: [apiGroup], resources: ["restorerecords"], verbs: [...read, "delete"] },
		{ apiGroups: ["apps"], resources: ["deployments", "statefulsets"], verbs: read },
		scale,
	],
};

/** The ClusterRoles, ready to be rendered. */
export function roles(): readonly Json[] {
	return Object.entries(clusterRoles).map(([name, rules]) => ({
		apiVersion: "rbac.authorization.k8s.io/v1",
		kind: "ClusterRole",
		metadata: { name },
		rules,
	}));
}

const account = (name: string) => ({ kind: "ServiceAccount", name, namespace: operatorNamespace });

/** The operator's namespace, its two accounts and what binds them. */
export function operatorAccounts(): readonly Json[] {
	return [
		{
			apiVersion: "v1",
			kind: "Namespace",
			metadata: { name: operatorNamespace, labels: { [operatorLabel]: "true" } },
		},
		...[operatorAccount, leaderAccount].flatMap((name) => [
			{ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: operatorNamespace } },
			{
				apiVersion: "rbac.authorization.k8s.io/v1",
				kind: "ClusterRoleBinding",
				metadata: { name },
				roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
				subjects: [account(name)],
			},
		]),
		{
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "Role",
			metadata: { name: operatorAccount, namespace: operatorNamespace },
			rules: [
				{
					apiGroups: ["coordination.k8s.io"],
					resources: ["leases"],
					verbs: ["get", "list", "watch", "create", "patch"],
				},
				{
					apiGroups: [""],
					resources: ["serviceaccounts/token"],
					resourceNames: [leaderAccount],
					verbs: ["create"],
				},
			],
		},
		{
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "RoleBinding",
			metadata: { name: operatorAccount, namespace: operatorNamespace },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: operatorAccount },
			subjects: [account(operatorAccount)],
		},
	];
}
