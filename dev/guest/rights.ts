import { apiGroup } from "../../crds/vocabulary.ts";
import type { Client } from "../../kube/client.ts";
import { pathOf } from "../../kube/paths.ts";
import { GuestError } from "./errors.ts";
import { apiObjects, operatorObjects, type PolicySet, peopleObjects, type Run } from "./manifests.ts";
import { type Kind, kindOf, kinds } from "./objects.ts";

/** One thing that a person must be allowed to do. */
export type Need = {
	readonly verb: string;
	readonly group: string;
	/** `serviceaccounts/token` for a subresource. */
	readonly resource: string;
	readonly namespace?: string;
	readonly name?: string;
};

const needs = (verbs: readonly string[], { group, resource }: Omit<Kind, "version">, namespace?: string) =>
	verbs.map((verb): Need => ({ verb, group, resource, ...(namespace !== undefined && { namespace }) }));

/** What one must read to see whether the API is there, and whether an operator is. */
export function readingNeeds(policies: PolicySet): readonly Need[] {
	return [
		...apiKinds(policies).flatMap((kind) => needs(["get"], kind)),
		...needs(["list"], { group: "coordination.k8s.io", resource: "leases" }),
	];
}

/** What bears on how much a demo needs. */
export type MakingOptions = {
	readonly policies: PolicySet;
	readonly installs: boolean;
	readonly ownOperator: boolean;
};

/** What a demo needs beside that; more when it installs the API, less when the cluster has an operator. */
export function makingNeeds(run: Run, { policies, installs, ownOperator }: MakingOptions): readonly Need[] {
	const desk = run.namespace;
	const own = ownOperator ? [run.operatorNamespace] : [];
	const bound = new Set(
		[...peopleObjects(run), ...(ownOperator ? operatorObjects(run) : [])]
			.filter(({ kind, roleRef }) => kind === "RoleBinding" && roleRef?.kind === "ClusterRole")
			.map(({ roleRef }) => roleRef?.name ?? ""),
	);
	return [
		...needs(["list", "create", "delete"], kinds.Namespace),
		...needs(["create"], { group: "", resource: "serviceaccounts/token" }, desk),
		...[desk, ...own].flatMap((namespace) => [
			...needs(["create"], kinds.ServiceAccount, namespace),
			...needs(["create"], kinds.RoleBinding, namespace),
		]),
		...[...bound].map((name): Need => ({ verb: "bind", ...named(kinds.ClusterRole), name })),
		...own.flatMap((namespace) => [
			...needs(["create"], { group: "", resource: "serviceaccounts/token" }, namespace),
			...needs(["create", "escalate", "bind"], kinds.Role, namespace),
			...needs(["list", "create", "delete"], kinds.ClusterRoleBinding),
			...needs(["list", "create", "delete", "escalate", "bind"], kinds.ClusterRole),
		]),
		...[kinds.Deployment, kinds.StatefulSet].flatMap((kind) =>
			needs(["create", "list", "watch"], kind, desk),
		),
		...needs(["create", "list", "watch"], { group: "", resource: "pods" }, desk),
		...needs(
			["list", "watch"],
			{ group: "coordination.k8s.io", resource: "leases" },
			ownOperator ? run.operatorNamespace : undefined,
		),
		...needs(["list"], { group: apiGroup, resource: "tradingsafeties" }),
		...needs(["get", "watch"], { group: apiGroup, resource: "tradingsafeties" }, desk),
		...needs(["list"], { group: apiGroup, resource: "restorerecords" }, desk),
		...(installs ? installingNeeds(policies) : []),
	];
}

/** What it takes to remove what demos left. */
export function removingNeeds(policies: PolicySet): readonly Need[] {
	return [kinds.Namespace, kinds.ClusterRole, kinds.ClusterRoleBinding, ...apiKinds(policies)].flatMap(
		(kind) => [
			...needs(["list", "delete"], kind),
			...(kind.resource === kinds.CustomResourceDefinition.resource ? needs(["patch"], kind) : []),
		],
	);
}

function installingNeeds(policies: PolicySet): readonly Need[] {
	return apiKinds(policies).flatMap((kind) => [
		...needs(["list", "create", "delete"], kind),
		...(kind.resource === kinds.CustomResourceDefinition.resource ? needs(["patch"], kind) : []),
		...(kind.resource === kinds.ClusterRole.resource ? needs(["escalate"], kind) : []),
	]);
}

function apiKinds(policies: PolicySet): readonly Kind[] {
	return [...new Set(apiObjects(policies).map(kindOf))];
}

const named = ({ group, resource }: Kind) => ({ group, resource });

/** Those that the person has no right to, as the API server answers. */
export async function missingRights(client: Client, wanted: readonly Need[]): Promise<readonly Need[]> {
	const distinct = [...new Map(wanted.map((need) => [JSON.stringify(need), need])).values()];
	const answers = await Promise.all(
		distinct.map(async (need) => ((await isAllowed(client, need)) ? [] : [need])),
	);
	return answers.flat();
}

async function isAllowed(client: Client, { resource: full, ...rest }: Need): Promise<boolean> {
	const [resource, subresource] = full.split("/");
	const reviews = { group: "authorization.k8s.io", version: "v1", resource: "selfsubjectaccessreviews" };
	const review = {
		apiVersion: "authorization.k8s.io/v1",
		kind: "SelfSubjectAccessReview",
		spec: { resourceAttributes: { resource, ...rest, ...(subresource !== undefined && { subresource }) } },
	};
	const { status } = await client.create<{ readonly status?: { readonly allowed?: boolean } }>(
		pathOf(reviews),
		review,
	);
	return status?.allowed === true;
}

/** What the person is told who lacks rights: each resource once, and what to do. */
export function missingRightsError(context: string, missing: readonly Need[]): GuestError {
	const verbs = new Map<string, Set<string>>();
	for (const { verb, group, resource } of missing) {
		const name = group === "" ? resource : `${resource}.${group}`;
		verbs.set(name, (verbs.get(name) ?? new Set()).add(verb));
	}
	const list = [...verbs].map(([name, found]) => `${[...found].join("/")} ${name}`).join(", ");
	return new GuestError(
		"MissingRights",
		`Nothing was made: in the context ${context} you may not ${list}. Use a context that may (ClusterRole cluster-admin has all of it); less is needed where an administrator has installed the API.`,
	);
}
