import { customResourceDefinitions } from "../../crds/definitions.ts";
import { admissionPolicies } from "../../crds/policies/index.ts";
import {
	clusterRoles,
	operatorAccount,
	operatorAccounts,
	operatorNamespace,
	roles,
} from "../../crds/roles.ts";
import { enforceLabel, operatorLabel } from "../../crds/vocabulary.ts";
import { workloadObject } from "../demo/desk.ts";
import { type Person, people, roleBindings } from "../demo/people.ts";
import { playedDesk } from "../demo/played-desk.ts";
import type { AnyObject } from "./objects.ts";

/** What a person types to remove what a demo left. */
export const removeCommand = "npm start -- --remove --use-kubeconfig";
/** Everything that a demo makes carries this label, and nothing else does. */
export const managedByLabel = "app.kubernetes.io/managed-by";
export const manager = "tradingsafety-demo";
/** Which demo made it. */
export const runLabel = "app.kubernetes.io/instance";
/** `api`: the API itself, which other demos may use meanwhile. `desk`: all the rest. */
export const componentLabel = "app.kubernetes.io/component";
export type Component = "api" | "desk";

/** One demo on the cluster of a person. */
export type Run = {
	/** Random: two demos never meet. */
	readonly id: string;
	readonly namespace: string;
	readonly operatorNamespace: string;
};

export function runOf(id: string): Run {
	const namespace = `${manager}-${id}`;
	return { id, namespace, operatorNamespace: `${namespace}-operator` };
}

/** With the labels by which it is found again. */
export function labelled(object: unknown, run: Run, component: Component): AnyObject {
	const known = object as AnyObject;
	const labels = { [managedByLabel]: manager, [runLabel]: run.id, [componentLabel]: component };
	return { ...known, metadata: { ...known.metadata, labels: { ...known.metadata.labels, ...labels } } };
}

/** Which of the policies suit a cluster. */
export type PolicySet = {
	/** Whether it serves MutatingAdmissionPolicy. */
	readonly mutating: boolean;
};

/** The API as an administrator installs it, without the accounts, in the order in which it is made. */
export function apiObjects(set: PolicySet): readonly AnyObject[] {
	return [...customResourceDefinitions(), ...admissionPolicies(set), ...roles()] as unknown as AnyObject[];
}

/** The two namespaces; the operator's only when the demo runs one. */
export function namespaces(run: Run, ownOperator: boolean): readonly AnyObject[] {
	const namespace = (name: string, labels: Readonly<Record<string, string>>) =>
		labelled({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }, run, "desk");
	return [
		namespace(run.namespace, { [enforceLabel]: "targets" }),
		...(ownOperator ? [namespace(run.operatorNamespace, { [operatorLabel]: "true" })] : []),
	];
}

/** A service account for every person, and what binds them. */
export function peopleObjects(run: Run): readonly AnyObject[] {
	const { namespace } = run;
	const account = (name: Person) => ({ kind: "ServiceAccount", name, namespace });
	return [
		...people.map((name) => ({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } })),
		...roleBindings(namespace, account),
	].map((object) => labelled(object, run, "desk"));
}

/**
 * The accounts of the operator. It may act in the namespace of the desk alone, and in the whole cluster only read
 * what it has to read there.
 */
export function operatorObjects(run: Run): readonly AnyObject[] {
	const name = `${manager}-${run.id}`;
	const rbac = "rbac.authorization.k8s.io";
	const own = (operatorAccounts() as unknown as readonly AnyObject[]).flatMap((standard) => {
		if (standard.kind === "Namespace") return [];
		const object = moved(standard, run.operatorNamespace);
		if (object.kind !== "ClusterRoleBinding") return [object];
		const metadata = { ...object.metadata, namespace: run.namespace };
		return [{ ...object, kind: "RoleBinding", metadata }];
	});
	const reads = [
		{ apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: { name }, rules: clusterWideReads() },
		{
			apiVersion: `${rbac}/v1`,
			kind: "ClusterRoleBinding",
			metadata: { name },
			roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
			subjects: [{ kind: "ServiceAccount", name: operatorAccount, namespace: run.operatorNamespace }],
		},
	];
	return [...own, ...reads].map((object) => labelled(object, run, "desk"));
}

/** An object of the operator's usual namespace in another one. */
function moved(object: AnyObject, to: string): AnyObject {
	const move = <T extends { readonly namespace?: string }>(named: T): T =>
		named.namespace === operatorNamespace ? { ...named, namespace: to } : named;
	const { metadata, subjects } = object;
	return {
		...object,
		metadata: move(metadata),
		...(subjects !== undefined && { subjects: subjects.map(move) }),
	};
}

/** What the operator reads that belongs to no namespace, and the desks, which it watches in all of them at once. */
export function clusterWideReads() {
	const reads = ["get", "list", "watch"];
	const wide = ["namespaces", "tradingsafeties"];
	const groups = ["apiextensions.k8s.io", "admissionregistration.k8s.io"];
	return (clusterRoles[operatorAccount] ?? [])
		.filter(
			({ apiGroups, resources }) =>
				resources.every((resource) => wide.includes(resource)) ||
				apiGroups.every((group) => groups.includes(group)),
		)
		.map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => reads.includes(verb)) }));
}

/** The workloads of the desk. */
export function workloadObjects(run: Run, image: string): readonly AnyObject[] {
	const place = { namespace: run.namespace, podSpec: () => sleepingPod(image) };
	return playedDesk.workloads.map((workload) => labelled(workloadObject(workload, place), run, "desk"));
}

/** A pod that does nothing, ends at once when told to, and passes the strictest rules for pods. */
export function sleepingPod(image: string): object {
	return {
		automountServiceAccountToken: false,
		terminationGracePeriodSeconds: 5,
		securityContext: {
			runAsNonRoot: true,
			runAsUser: 65_534,
			seccompProfile: { type: "RuntimeDefault" },
		},
		containers: [
			{
				name: "main",
				image,
				// As process 1, sleep itself would not hear the signal to end.
				command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
				resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "50m", memory: "32Mi" } },
				securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
			},
		],
	};
}
