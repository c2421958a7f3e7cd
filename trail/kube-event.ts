import { createHash } from "node:crypto";
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Entry } from "../audit/entry.ts";

const text = Type.String();
const user = Type.Object({
	username: Type.Optional(text),
	uid: Type.Optional(text),
	groups: Type.Optional(Type.Array(text)),
	extra: Type.Optional(Type.Record(text, Type.Array(text))),
});

/** What is read of an audit event (audit.k8s.io/v1): https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
const schema = Type.Object({
	auditID: text,
	stage: text,
	verb: text,
	requestURI: text,
	user: Type.Optional(user),
	impersonatedUser: Type.Optional(user),
	sourceIPs: Type.Optional(Type.Array(text)),
	userAgent: Type.Optional(text),
	objectRef: Type.Optional(
		Type.Object({
			resource: Type.Optional(text),
			namespace: Type.Optional(text),
			name: Type.Optional(text),
			uid: Type.Optional(text),
			apiGroup: Type.Optional(text),
			subresource: Type.Optional(text),
		}),
	),
	responseStatus: Type.Optional(
		Type.Object({
			code: Type.Optional(Type.Integer()),
			reason: Type.Optional(text),
			message: Type.Optional(text),
		}),
	),
	requestObject: Type.Optional(Type.Unknown()),
	responseObject: Type.Optional(Type.Unknown()),
	requestReceivedTimestamp: Type.Optional(text),
	annotations: Type.Optional(Type.Record(text, text)),
});

/** One audit event, as far as it is of use here. */
export type KubeEvent = Static<typeof schema>;

const check = Compile(schema);

/** True for an audit event. */
export function isKubeEvent(value: unknown): value is KubeEvent {
	return check.Check(value);
}

/** Characters of all that one event may bring into an entry: an entry has 60 kB, and a character up to four bytes. */
const mostChangeCharacters = 6_000;
const mostOneCharacters = 4_000;
const mostChanges = 32;
const mostGroupCharacters = 2_000;

/** Text as entries take it: well formed, and not longer than so many characters. */
export function clip(value: string, most: number): string {
	return value.toWellFormed().slice(0, most).toWellFormed();
}

/** Who asked: the one who logged in, also where they acted as somebody else. */
export function actorOf({ user: who, userAgent }: KubeEvent): Entry["actor"] {
	const groups = groupsOf(who?.groups ?? []);
	return {
		name: clip(who?.username || "(not authenticated)", 253),
		...(who?.uid && { uid: clip(who.uid, 253) }),
		...(groups.length > 0 && { groups }),
		...(userAgent && { via: clip(userAgent, 253) }),
	};
}

/** Those that fit; of others how many there are. */
function groupsOf(all: readonly string[]): string[] {
	const names = all.filter((name) => name !== "").map((name) => clip(name, 253));
	let left = mostGroupCharacters;
	const fitting = names.slice(0, 63).filter((name) => {
		left -= name.length;
		return left >= 0;
	});
	const others = names.length - fitting.length;
	return others === 0 ? fitting : [...fitting, `(and ${others} more)`];
}

/** What it was about. */
export function entityOf({ objectRef: ref = {}, responseObject }: KubeEvent): Entry["entity"] {
	const { resource = "" } = ref;
	const type = Object.hasOwn(kinds, resource) ? (kinds[resource] ?? resource) : resource || "(none)";
	// A namespace is said to be in itself.
	const namespace = resource === "namespaces" ? undefined : ref.namespace;
	const names = [namespace, ref.name || metadataOf(responseObject).name].filter(
		(name): name is string => typeof name === "string" && name !== "",
	);
	const uid = ref.uid || metadataOf(responseObject).uid;
	return {
		type: clip(type, 63),
		id: clip(names.join("/") || "(no name)", 253),
		...(typeof uid === "string" && uid !== "" && { uid: clip(uid, 253) }),
	};
}

/** Which certificate or token it was: by its hash or number. */
const credentialId = "authentication.kubernetes.io/credential-id";

/** Where it came from, and what tells it from all others. */
export function originOf(event: KubeEvent): Readonly<Record<string, string>> {
	const { auditID, sourceIPs = [], requestReceivedTimestamp, impersonatedUser, objectRef } = event;
	const [credential = ""] = event.user?.extra?.[credentialId] ?? [];
	return {
		auditID: clip(auditID, 100),
		...(sourceIPs.length > 0 && { sourceIPs: clip(sourceIPs.join(", "), 500) }),
		...(requestReceivedTimestamp && { receivedAt: clip(requestReceivedTimestamp, 63) }),
		...(credential !== "" && { credential: clip(credential, 200) }),
		...(impersonatedUser?.username && { actedAs: clip(impersonatedUser.username, 253) }),
		...(objectRef?.subresource && { subresource: clip(objectRef.subresource, 63) }),
	};
}

/** True where nothing was done: by the query, or for a removal by its body. */
export function isDryRun({ requestURI, verb, requestObject }: KubeEvent): boolean {
	const query = requestURI.split("?")[1] ?? "";
	if (new URLSearchParams(query).getAll("dryRun").some((value) => value !== "")) return true;
	if (verb !== "delete" && verb !== "deletecollection") return false;
	const { dryRun } = fieldsOf(requestObject);
	return Array.isArray(dryRun) && dryRun.length > 0;
}

/** What was asked for, field by field; what is too long by its hash. */
export function changesOf({ requestObject }: KubeEvent): NonNullable<Entry["changes"]> {
	const fields = Array.isArray(requestObject)
		? requestObject.map((step, at) => [String(at), step] as const)
		: Object.entries(fieldsOf(requestObject)).filter(([name]) => name !== "kind" && name !== "apiVersion");
	let left = mostChangeCharacters;
	return fields.slice(0, mostChanges).map(([name, value]) => {
		const json = JSON.stringify(value);
		const fits = json.length <= mostOneCharacters && json.length <= left;
		if (fits) left -= json.length;
		return { path: clip(`/${name}`, 100), to: fits && json.isWellFormed() ? json : digestOf(json) };
	});
}

function digestOf(json: string): string {
	const sha256 = createHash("sha256").update(json).digest("hex");
	return JSON.stringify({ characters: json.length, sha256 });
}

/** The fields of an object; none of what is no object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value)
		? (value as Readonly<Record<string, unknown>>)
		: {};
}

/** The metadata of an object. */
export function metadataOf(value: unknown): Readonly<Record<string, unknown>> {
	return fieldsOf(fieldsOf(value).metadata);
}

const kinds: Readonly<Record<string, string>> = {
	tradingsafeties: "TradingSafety",
	restorerecords: "RestoreRecord",
	pods: "Pod",
	deployments: "Deployment",
	statefulsets: "StatefulSet",
	replicasets: "ReplicaSet",
	daemonsets: "DaemonSet",
	jobs: "Job",
	cronjobs: "CronJob",
	namespaces: "Namespace",
	secrets: "Secret",
	roles: "Role",
	clusterroles: "ClusterRole",
	rolebindings: "RoleBinding",
	clusterrolebindings: "ClusterRoleBinding",
	validatingadmissionpolicies: "ValidatingAdmissionPolicy",
	validatingadmissionpolicybindings: "ValidatingAdmissionPolicyBinding",
	mutatingadmissionpolicies: "MutatingAdmissionPolicy",
	mutatingadmissionpolicybindings: "MutatingAdmissionPolicyBinding",
	validatingwebhookconfigurations: "ValidatingWebhookConfiguration",
	mutatingwebhookconfigurations: "MutatingWebhookConfiguration",
	customresourcedefinitions: "CustomResourceDefinition",
	flowschemas: "FlowSchema",
	prioritylevelconfigurations: "PriorityLevelConfiguration",
};
