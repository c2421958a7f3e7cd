import test from "ava";
import { clusterRoles } from "../../crds/roles.ts";
import { apiGroup, type Verb, verbs } from "../../crds/vocabulary.ts";
import type { ClusterAccess } from "../../dev/cluster/access.ts";
import { servesMutatingPolicies } from "../../dev/install.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { sharedCluster } from "../support/cluster.ts";
import { until } from "../support/until.ts";

/** The people of these tests and the generated ClusterRoles that each is bound to. */
const cast = {
	vic: ["tradingsafety-viewer"],
	ray: ["tradingsafety-raiser"],
	rob: ["tradingsafety-resetter"],
	ann: ["tradingsafety-approver"],
	bob: ["tradingsafety-approver"],
	cfg: ["tradingsafety-configurer"],
	lea: ["tradingsafety-resetter", "tradingsafety-configurer", "tradingsafety-approver"],
	ovo: ["tradingsafety-overrider"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Name of a person of the cast. */
export type Person = keyof typeof cast;

/** Everyone, so that what is tried shows what the verbs of ours add. */
const everyone = "everyone-who-trades";
const workloads = [
	{ apiGroups: [""], resources: ["pods", "pods/status", "configmaps"], verbs: ["*"] },
	{
		apiGroups: ["apps"],
		resources: ["deployments", "deployments/scale", "statefulsets", "statefulsets/scale"],
		verbs: ["*"],
	},
	{
		apiGroups: [""],
		resources: ["namespaces", "namespaces/status", "namespaces/finalize"],
		verbs: ["get", "patch", "update", "create"],
	},
	{ apiGroups: [apiGroup], resources: ["tradingsafeties/status"], verbs: ["get", "patch"] },
];

/** A cluster and its users. */
export type World = {
	readonly cluster: ClusterAccess;
	/** True when policies stamp who raised and tell pods the mode. */
	readonly stamps: boolean;
	readonly admin: Client;
	/** The client of a person of the cast. */
	readonly as: (person: Person) => Client;
	/** The path of a person's kubeconfig, for kubectl. */
	readonly kubeconfig: (person: Person) => string;
	/** The client of an account of the operator. */
	readonly account: (name: string) => Promise<Client>;
	/** A user with exactly these verbs of ours, and those of Kubernetes on the object. */
	readonly withVerbs: (name: string, granted: readonly Verb[]) => Promise<Client>;
};

const opened: Client[] = [];

test.after.always("the connections of this file are closed", async () => {
	await Promise.all(opened.map((client) => client.close()));
});

/** Opens a cluster (the shared one by default) as every person of the cast, with their rights in force. */
export async function openWorld(cluster?: ClusterAccess): Promise<World> {
	const access = cluster ?? (await sharedCluster());
	const admin = await clientOf(access.kubeconfig);
	await Promise.all(bindings().map((object) => apply(admin, object)));
	const paths = new Map<string, string>();
	const people = new Map<string, Client>();
	for (const name of Object.keys(cast)) {
		const path = await access.kubeconfigFor({ name, groups: [everyone, ...cast[name as Person]] });
		paths.set(name, path);
		people.set(name, await clientOf(path));
	}
	await Promise.all([...people].map(([name, client]) => rightsInForce(client, cast[name as Person])));
	return {
		cluster: access,
		stamps: await servesMutatingPolicies(access),
		admin,
		as: (person) => found(people, person),
		kubeconfig: (person) => found(paths, person),
		async account(name) {
			return clientOf(await access.kubeconfigForServiceAccount({ namespace: "tradingsafety-system", name }));
		},
		async withVerbs(name, granted) {
			const groups = [everyone, "can-write", ...granted.map((verb) => `can-${verb}`)];
			const client = await clientOf(await access.kubeconfigFor({ name, groups }));
			for (const verb of ["patch", "create", ...granted]) await mayDo(client, verb);
			return client;
		},
	};
}

/** A client without a rate limit to speak of: the tests ask much in little time. */
async function clientOf(path: string): Promise<Client> {
	const connection = await connect(loadKubeConfig(path), { sockets: 8 });
	const client = new Client(connection, {
		limits: { perSecond: 10_000, burst: 10_000, normalInFlight: 64 },
	});
	opened.push(client);
	return client;
}

function bindings(): readonly RbacObject[] {
	const group = "rbac.authorization.k8s.io";
	const role = (name: string, rules: readonly object[]) => ({
		apiVersion: `${group}/v1`,
		kind: "ClusterRole",
		metadata: { name },
		rules,
	});
	const bind = (name: string) => ({
		apiVersion: `${group}/v1`,
		kind: "ClusterRoleBinding",
		metadata: { name: `test-${name}` },
		roleRef: { apiGroup: group, kind: "ClusterRole", name },
		subjects: [{ kind: "Group", name, apiGroup: group }],
	});
	const desks = (...granted: string[]) => [
		{ apiGroups: [apiGroup], resources: ["tradingsafeties"], verbs: granted },
	];
	const own = [
		role(everyone, workloads),
		role("can-write", desks("get", "create", "update", "patch", "delete", "deletecollection")),
		...verbs.map((verb) => role(`can-${verb}`, desks(verb))),
	];
	const people = Object.keys(clusterRoles).filter((name) => name.startsWith("tradingsafety-"));
	return [...own, ...[...own.map((object) => object.metadata.name), ...people].map(bind)];
}

type RbacObject = { readonly kind: string; readonly metadata: { readonly name: string } };

async function apply(admin: Client, object: RbacObject): Promise<void> {
	const plural = `${object.kind.toLowerCase()}s`;
	const path = `/apis/rbac.authorization.k8s.io/v1/${plural}/${object.metadata.name}`;
	await admin.patch(path, object, { type: "apply", fieldManager: "test", force: true });
}

/** RBAC sees its objects through an informer: waits until the last of a person's roles is seen. */
async function rightsInForce(client: Client, roles: readonly string[]): Promise<void> {
	await mayDo(client, "get");
	const granted = roles.flatMap((role) => clusterRoles[role] ?? []);
	const rules = granted.filter((rule) => rule.resources.includes("tradingsafeties"));
	for (const verb of new Set(rules.flatMap((rule) => rule.verbs))) await mayDo(client, verb);
}

async function mayDo(client: Client, verb: string): Promise<void> {
	const review = {
		apiVersion: "authorization.k8s.io/v1",
		kind: "SelfSubjectAccessReview",
		spec: { resourceAttributes: { group: apiGroup, resource: "tradingsafeties", namespace: "any", verb } },
	};
	await until(`the right to ${verb} is in force`, async () => {
		const answer = await client.create<{ readonly status: { readonly allowed: boolean } }>(
			"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
			review,
		);
		return answer.status.allowed;
	});
}

function found<T>(map: ReadonlyMap<string, T>, key: string): T {
	const value = map.get(key);
	if (value === undefined) throw new Error(`no ${key} in the cast`);
	return value;
}
