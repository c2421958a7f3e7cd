import type { Happening } from "../audit/recorder.ts";
import { estopAccount, leaderAccount, operatorAccount, operatorNamespace } from "../crds/roles.ts";
import { apiGroup, enforceLabel } from "../crds/vocabulary.ts";
import { concernsAccess, isSweep, keySecrets, ownPrefix } from "./kube-access.ts";
import {
	actorOf,
	changesOf,
	clip,
	entityOf,
	fieldsOf,
	isDryRun,
	type KubeEvent,
	metadataOf,
	originOf,
} from "./kube-event.ts";

/** Who refused: a policy of ours, the cluster's rights, or the shape of what was sent. */
export type RefusedBy = "Policy" | "Rights" | "Schema";

/** What an audit event amounts to. */
export type Judged =
	| { readonly kind: "Ignored" }
	/** Something of ours was tried and refused. `key`: what attempts that are alike have in common. */
	| { readonly kind: "Denied"; readonly by: RefusedBy; readonly key: string; readonly happening: Happening }
	/** A desk, rights, policies or keys changed. `version`: of the object, which stays the same where nothing changed. */
	| {
			readonly kind: "Changed";
			readonly happening: Happening;
			readonly version: { readonly uid: string; readonly resourceVersion: string } | undefined;
	  };

/** What these do is recorded by whoever acts as them. */
const ownAccounts = [operatorAccount, leaderAccount, estopAccount].map(
	(name) => `system:serviceaccount:${operatorNamespace}:${name}`,
);
const refusals = [401, 403, 422];
const validationFailure = "validation.policy.admission.k8s.io/validation_failure";

/** Judges an event whose request has come to its end. What only asks what would be, and what is not ours, is ignored. */
export function judgeEvent(event: KubeEvent): Judged {
	const code = event.responseStatus?.code ?? 0;
	if (!hasEnded(event, code) || isDryRun(event)) return { kind: "Ignored" };
	if (refusals.includes(code)) return denied(event, code);
	const isDone = code >= 200 && code < 300;
	if (isDone && concernsAccess(event)) return changed("Access", event);
	if (isDone && isPersonsEdit(event)) return changed("Configuration", event);
	return { kind: "Ignored" };
}

/** Somebody wrote to a desk: what became of it the operator records, and who it was it does not always know. */
function isPersonsEdit(event: KubeEvent): boolean {
	const { objectRef: ref = {}, user, verb } = event;
	const isDesk = ref.apiGroup === apiGroup && ref.resource === "tradingsafeties" && !ref.subresource;
	if (!isDesk || verb === "get" || isSweep(event)) return false;
	return !ownAccounts.includes(user?.username ?? "");
}

/** Of somebody who could not log in no more is told than that an answer began. */
function hasEnded({ stage }: KubeEvent, code: number): boolean {
	return stage === "ResponseComplete" || stage === "Panic" || (stage === "ResponseStarted" && code === 401);
}

function denied(event: KubeEvent, code: number): Judged {
	const { objectRef: ref = {}, responseStatus, impersonatedUser } = event;
	const policy = policyOf(event);
	const isOwn =
		ref.apiGroup === apiGroup || (ref.resource === "secrets" && keySecrets.includes(ref.name ?? ""));
	if (policy === undefined && !isOwn) return { kind: "Ignored" };
	const by: RefusedBy = policy !== undefined ? "Policy" : code === 422 ? "Schema" : "Rights";
	const actor = actorOf(event);
	const resource = [ref.resource ?? "", ref.subresource ?? ""].join("/");
	const as = impersonatedUser?.username ?? "";
	return {
		kind: "Denied",
		by,
		key: JSON.stringify([actor.name, as, event.verb, resource, ref.namespace ?? "", policy ?? by]),
		happening: {
			...{ kind: "Denied", action: clip(event.verb || "(none)", 128), actor, entity: entityOf(event) },
			...(ref.apiGroup === apiGroup && withChanges(event)),
			metadata: {
				...originOf(event),
				...{ by, code: String(code), message: clip(responseStatus?.message ?? "", 1_000) },
				...(policy !== undefined && { policy: clip(policy, 253) }),
			},
		},
	};
}

/** The policy of ours that refused. */
function policyOf({ annotations = {}, responseStatus }: KubeEvent): string | undefined {
	const [, named] =
		/ValidatingAdmissionPolicy '(tradingsafety-[a-z0-9.-]+)'(?: with binding '[^']*')? denied request/.exec(
			responseStatus?.message ?? "",
		) ?? [];
	if (named !== undefined) return named;
	try {
		const failures: unknown = JSON.parse(annotations[validationFailure] ?? "[]");
		const policies = (Array.isArray(failures) ? failures : [])
			.filter((one) => {
				const { validationActions } = fieldsOf(one);
				return Array.isArray(validationActions) && validationActions.includes("Deny");
			})
			.map((one) => fieldsOf(one).policy);
		return policies.find((one): one is string => typeof one === "string" && one.startsWith(ownPrefix));
	} catch {
		// Whoever wrote it was no API server: the message alone counts.
		return undefined;
	}
}

function changed(kind: "Access" | "Configuration", event: KubeEvent): Judged {
	const { objectRef: ref = {}, verb, responseObject } = event;
	const { uid, resourceVersion, labels, generation } = metadataOf(responseObject);
	const isVersion =
		typeof uid === "string" &&
		typeof resourceVersion === "string" &&
		resourceVersion !== "" &&
		verb !== "delete";
	const label = fieldsOf(labels)[enforceLabel];
	// What is in a Secret has no business here, whatever the API server was told to send.
	const isSecret = ref.resource === "secrets";
	return {
		kind: "Changed",
		version: isVersion ? { uid, resourceVersion } : undefined,
		happening: {
			...{ kind, action: clip(verb || "(none)", 128), actor: actorOf(event), entity: entityOf(event) },
			...(!isSecret && withChanges(event)),
			metadata: {
				...originOf(event),
				...(isVersion && { resourceVersion: clip(resourceVersion, 64) }),
				...(typeof generation === "number" && { generation: String(generation) }),
				...(ref.resource === "namespaces" &&
					isVersion && { [enforceLabel]: typeof label === "string" ? clip(label, 63) : "" }),
			},
		},
	};
}

function withChanges(event: KubeEvent): Pick<Happening, "changes"> {
	const changes = changesOf(event);
	return changes.length === 0 ? {} : { changes };
}
