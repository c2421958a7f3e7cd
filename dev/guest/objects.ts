import { pathOf } from "../../kube/paths.ts";

/** An object as it is sent and received, whatever its kind. */
export type AnyObject = {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly uid?: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly deletionTimestamp?: string;
	};
	/** Of bindings. */
	readonly roleRef?: { readonly kind: string; readonly name: string };
	readonly subjects?: readonly { readonly namespace?: string }[];
};

/** A kind as paths and rights name it. */
export type Kind = { readonly group: string; readonly version: string; readonly resource: string };

const admission = { group: "admissionregistration.k8s.io", version: "v1" };
const rbac = { group: "rbac.authorization.k8s.io", version: "v1" };
const core = { group: "", version: "v1" };
const apps = { group: "apps", version: "v1" };

/** Every kind that the demo makes. */
export const kinds = {
	Namespace: { ...core, resource: "namespaces" },
	ServiceAccount: { ...core, resource: "serviceaccounts" },
	Role: { ...rbac, resource: "roles" },
	RoleBinding: { ...rbac, resource: "rolebindings" },
	ClusterRole: { ...rbac, resource: "clusterroles" },
	ClusterRoleBinding: { ...rbac, resource: "clusterrolebindings" },
	Deployment: { ...apps, resource: "deployments" },
	StatefulSet: { ...apps, resource: "statefulsets" },
	CustomResourceDefinition: {
		group: "apiextensions.k8s.io",
		version: "v1",
		resource: "customresourcedefinitions",
	},
	ValidatingAdmissionPolicy: { ...admission, resource: "validatingadmissionpolicies" },
	ValidatingAdmissionPolicyBinding: { ...admission, resource: "validatingadmissionpolicybindings" },
	MutatingAdmissionPolicy: { ...admission, resource: "mutatingadmissionpolicies" },
	MutatingAdmissionPolicyBinding: { ...admission, resource: "mutatingadmissionpolicybindings" },
} as const satisfies Readonly<Record<string, Kind>>;
export type KindName = keyof typeof kinds;

/** The kind of an object. Throws a TypeError for one that the demo does not make. */
export function kindOf({ kind }: Pick<AnyObject, "kind">): Kind {
	const found = Object.entries(kinds).find(([name]) => name === kind);
	if (found === undefined) throw new TypeError(`the demo makes no ${kind}`);
	return found[1];
}

/** Path of the collection that an object is created in. */
export function collectionOf(object: AnyObject): string {
	return pathOf({ ...kindOf(object), namespace: object.metadata.namespace });
}

/** Path of an object. */
export function pathOfObject(object: AnyObject): string {
	return pathOf({
		...kindOf(object),
		namespace: object.metadata.namespace,
		name: object.metadata.name,
	});
}

/** `Kind name` */
export function nameOf({ kind, metadata }: AnyObject): string {
	return `${kind} ${metadata.name}`;
}
