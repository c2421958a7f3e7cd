import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterAccess } from "../cluster/access.ts";
import { clusterFiles, writeAtomically } from "../cluster/files.ts";
import { type KubectlResult, kubectl } from "../cluster/kubectl.ts";
import { deskNamespace } from "./desk.ts";

/** The people of the demo and the ClusterRoles that each is bound to in the namespace of the desk. */
export const cast = {
	"rita-raises": ["tradingsafety-raiser"],
	"lee-resets": ["tradingsafety-resetter", "tradingsafety-configurer"],
	"ann-approves": ["tradingsafety-approver"],
	"otto-overrides": ["tradingsafety-overrider"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** User name of a person, and name of their context in the kubeconfig. */
export type Person = keyof typeof cast;
export const people = Object.keys(cast) as readonly Person[];

/** Acting as the people of the demo. */
export type Cast = {
	/** A kubeconfig with one context per person, each in the namespace of the desk. */
	readonly kubeconfig: string;
	/** Runs kubectl as a person. A refusal is no error but a `code` other than 0. */
	readonly kubectl: (
		person: Person,
		args: readonly string[],
		options?: { readonly input?: string },
	) => Promise<KubectlResult>;
	/** Merges a patch into the spec of the desk, as a person. */
	readonly patch: (person: Person, spec: object) => Promise<KubectlResult>;
};

type Kubeconfig = {
	readonly clusters: readonly object[];
	readonly users: readonly { readonly name: string }[];
	readonly contexts: readonly { readonly context: { readonly cluster: string; readonly user: string } }[];
};

/** Gives every person a client certificate, all in one kubeconfig. */
export async function gatherCast(cluster: ClusterAccess): Promise<Cast> {
	const configs: Kubeconfig[] = [];
	for (const name of people) {
		configs.push(JSON.parse(readFileSync(await cluster.kubeconfigFor({ name }), "utf8")) as Kubeconfig);
	}
	const kubeconfig = join(clusterFiles(cluster.dir).kubeconfigs, "people");
	const merged = {
		apiVersion: "v1",
		kind: "Config",
		clusters: configs[0]?.clusters,
		users: configs.flatMap((config) => config.users),
		contexts: configs.flatMap((config) =>
			config.contexts.map(({ context }) => ({
				name: context.user,
				context: { ...context, namespace: deskNamespace },
			})),
		),
		"current-context": people[0],
	};
	writeAtomically(kubeconfig, `${JSON.stringify(merged, undefined, 2)}\n`);
	const as: Cast["kubectl"] = (person, args, options = {}) =>
		kubectl(cluster, ["--context", person, ...args], { kubeconfig, ...options });
	return {
		kubeconfig,
		kubectl: as,
		patch: (person, spec) =>
			as(person, ["patch", "tsafe", "desk", "--type", "merge", "-p", JSON.stringify({ spec })]),
	};
}

/** What binds the people to their roles; all of them may also look at the workloads. */
export function roleBindings(): readonly object[] {
	const group = "rbac.authorization.k8s.io";
	const subject = (name: string) => ({ kind: "User", name, apiGroup: group });
	const bind = (name: string, role: string, subjects: readonly object[]) => ({
		apiVersion: `${group}/v1`,
		kind: "RoleBinding",
		metadata: { name, namespace: deskNamespace },
		roleRef: { apiGroup: group, kind: "ClusterRole", name: role },
		subjects,
	});
	return [
		bind("everyone-looks", "view", people.map(subject)),
		...people.flatMap((person) =>
			cast[person].map((role) => bind(`${person}-${role}`, role, [subject(person)])),
		),
	];
}
