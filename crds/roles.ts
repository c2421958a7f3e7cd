import { aggregateLabel, apiGroup, operatorLabel } from "./vocabulary.ts";

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
/** Account of the sidecars of e-stop devices: it can raise, delete pods and tell bots, and nothing else. */
export const estopAccount = "tradingsafety-estop";
/** Secret with the keys that permits are signed with; the operator's alone. */
export const permitKeySecret = "tradingsafety-permit-key";
/** Secret with the keys that raises are signed with; also the sidecar's. */
export const raiseKeySecret = "tradingsafety-raise-key";
/** ConfigMap in the namespace of each desk with the public halves of both. */
export const publicKeysMap = "tradingsafety-public-keys";
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
/** What a halt stops and a restore brings back. The scale subresource where there is one: it grants no more. */
const workloads: readonly PolicyRule[] = [
	{ apiGroups: ["apps"], resources: ["deployments", "statefulsets", "replicasets"], verbs: read },
	{
		apiGroups: ["apps"],
		resources: ["deployments/scale", "statefulsets/scale", "replicasets/scale"],
		verbs: ["patch"],
	},
	{ apiGroups: ["apps"], resources: ["daemonsets"], verbs: [...read, "patch"] },
	{ apiGroups: ["batch"], resources: ["jobs", "cronjobs"], verbs: [...read, "patch"] },
	{ apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: [...read, "patch"] },
	{ apiGroups: ["argoproj.io"], resources: ["rollouts"], verbs: read },
	{ apiGroups: ["argoproj.io"], resources: ["rollouts/scale"], verbs: ["patch"] },
	{ apiGroups: ["keda.sh"], resources: ["scaledobjects", "scaledjobs"], verbs: [...read, "patch"] },
];
/** Custom kinds of workloads are found by their definitions. */
const seeDefinitions: PolicyRule = {
	apiGroups: ["apiextensions.k8s.io"],
	resources: ["customresourcedefinitions"],
	verbs: read,
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
		// Public keys for bots. What is created cannot be bound to a name.
		{ apiGroups: [""], resources: ["configmaps"], verbs: ["create"] },
		{ apiGroups: [""], resources: ["configmaps"], resourceNames: [publicKeysMap], verbs: ["get", "patch"] },
		seeDefinitions,
		...workloads,
		{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
	],
	[estopAccount]: [
		desks(...read, "patch"),
		{ apiGroups: [""], resources: ["pods"], verbs: [...read, "delete"] },
		{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
	],
	[leaderAccount]: [
		desks(...read, "observe", "clear"),
		writeStatus,
		{ apiGroups: [apiGroup], resources: ["restorerecords"], verbs: [...read, "delete"] },
		...workloads,
	],
};

/** Collects the rules of every ClusterRole with {@link aggregateLabel}, for both accounts. */
const customKindsRole = "tradingsafety-custom-kinds";

/** The ClusterRoles, ready to be rendered. */
export function roles(): readonly Json[] {
	const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" };
	return [
		...Object.entries(clusterRoles).map(([name, rules]) => ({ ...role, metadata: { name }, rules })),
		{
			...role,
			metadata: { name: customKindsRole },
			aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregateLabel]: "true" } }] },
		},
	];
}

const account = (name: string) => ({ kind: "ServiceAccount", name, namespace: operatorNamespace });

const clusterRoleBinding = (name: string, ...accounts: readonly string[]) => ({
	apiVersion: "rbac.authorization.k8s.io/v1",
	kind: "ClusterRoleBinding",
	metadata: { name },
	roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
	subjects: accounts.map(account),
});

/** The operator's namespace, the accounts in it and what binds them. */
export function operatorAccounts(): readonly Json[] {
	return [
		{
			apiVersion: "v1",
			kind: "Namespace",
			metadata: { name: operatorNamespace, labels: { [operatorLabel]: "true" } },
		},
		...[operatorAccount, leaderAccount, estopAccount].flatMap((name) => [
			{ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: operatorNamespace } },
			clusterRoleBinding(name, name),
		]),
		clusterRoleBinding(customKindsRole, operatorAccount, leaderAccount),
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
				{
					apiGroups: [""],
					resources: ["secrets"],
					resourceNames: [permitKeySecret, raiseKeySecret],
					verbs: ["get"],
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
		{
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "Role",
			metadata: { name: estopAccount, namespace: operatorNamespace },
			rules: [
				// One for each device. What is created cannot be bound to a name.
				{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "patch"] },
				{ apiGroups: [""], resources: ["secrets"], resourceNames: [raiseKeySecret], verbs: ["get"] },
			],
		},
		{
			apiVersion: "rbac.authorization.k8s.io/v1",
			kind: "RoleBinding",
			metadata: { name: estopAccount, namespace: operatorNamespace },
			roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: estopAccount },
			subjects: [account(estopAccount)],
		},
	];
}
