import { permitKeySecret, raiseKeySecret } from "../crds/roles.ts";
import { apiGroup, enforceLabel } from "../crds/vocabulary.ts";
import { fieldsOf, type KubeEvent, metadataOf } from "./kube-event.ts";

/** What all that is ours in a cluster is called. */
export const ownPrefix = "tradingsafety-";
/** Secrets that keys of permits and raises are in. */
export const keySecrets: readonly string[] = [permitKeySecret, raiseKeySecret];

/** The role of the cluster itself that holds every verb. */
const everything = "cluster-admin";
const removals = ["delete", "deletecollection"];
/** They clear up after a namespace or an owner that somebody else has removed. */
const sweepers = [
	"system:serviceaccount:kube-system:namespace-controller",
	"system:serviceaccount:kube-system:generic-garbage-collector",
];

/** True where a request that succeeded changed who may do what to a desk, or what holds its fence up. */
export function concernsAccess(event: KubeEvent): boolean {
	const { objectRef: { apiGroup: group = "", resource = "", name = "", subresource = "" } = {}, verb } =
		event;
	if (subresource !== "" || isSweep(event)) return false;
	const isOwn = name.startsWith(ownPrefix) || verb === "deletecollection";
	switch (group) {
		case "rbac.authorization.k8s.io":
			return isOwn || concernsRights(event, resource);
		case "admissionregistration.k8s.io":
			// Whatever a webhook says counts beside our policies.
			return isOwn || resource.endsWith("webhookconfigurations");
		case "flowcontrol.apiserver.k8s.io":
			return isOwn;
		case "apiextensions.k8s.io":
			return name.endsWith(`.${apiGroup}`) || verb === "deletecollection";
		case "":
			if (resource === "secrets") return keySecrets.includes(name);
			return resource === "namespaces" && changesFence(event);
		default:
			return false;
	}
}

/** What follows from the removal of a namespace or of an owner, which is told of itself. */
export function isSweep({ verb, user, objectRef }: KubeEvent): boolean {
	if (!removals.includes(verb) || !sweepers.includes(user?.username ?? "")) return false;
	return objectRef?.name?.startsWith(ownPrefix) !== true;
}

/** A role or a binding of another name: by what it holds, which the answer tells also where the request names a part of it. */
function concernsRights(event: KubeEvent, resource: string): boolean {
	const { verb, requestObject, responseObject } = event;
	const isBinding = resource.endsWith("bindings");
	// What was removed is not in the event. A binding that is gone may be that of somebody who could raise.
	if (removals.includes(verb)) return isBinding;
	return [requestObject, responseObject].some(
		(object) =>
			mentions(object) || isAboutAll(object) || fieldsOf(fieldsOf(object).roleRef).name === everything,
	);
}

/** True where any text in it is about us. */
function mentions(value: unknown): boolean {
	if (typeof value === "string") return value.startsWith(ownPrefix) || value === apiGroup;
	if (typeof value !== "object" || value === null) return false;
	return Object.entries(value).some(([name, one]) => name !== "managedFields" && mentions(one));
}

/** True for a role with a rule for every group. */
function isAboutAll(role: unknown): boolean {
	const { rules } = fieldsOf(role);
	if (!Array.isArray(rules)) return false;
	return rules.some((rule) => {
		const { apiGroups } = fieldsOf(rule);
		return Array.isArray(apiGroups) && apiGroups.includes("*");
	});
}

/** True where the label that pods are judged by may have come, gone or changed. */
function changesFence({ verb, requestObject, responseObject }: KubeEvent): boolean {
	switch (verb) {
		case "create":
			return enforceLabel in fieldsOf(metadataOf(responseObject ?? requestObject).labels);
		case "patch":
			return patchesLabel(requestObject);
		default:
			// What an update leaves out is gone, and with a namespace everything in it.
			return true;
	}
}

function patchesLabel(patch: unknown): boolean {
	if (Array.isArray(patch)) {
		const escaped = enforceLabel.replaceAll("/", "~1");
		return patch.some((step) => {
			const { path, from } = fieldsOf(step);
			return [path, from].some(
				(one) =>
					one === "" ||
					one === "/metadata" ||
					one === "/metadata/labels" ||
					one === `/metadata/labels/${escaped}`,
			);
		});
	}
	// An apply is a whole object: a label that it leaves out goes.
	if ("kind" in fieldsOf(patch)) return true;
	const metadata = fieldsOf(patch).metadata;
	if (metadata === null) return true;
	const { labels } = fieldsOf(metadata);
	return labels === null || enforceLabel in fieldsOf(labels) || "$patch" in fieldsOf(labels);
}
