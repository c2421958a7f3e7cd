import { randomBytes } from "node:crypto";
import { isKubeError } from "../../kube/error.ts";
import { pathOf } from "../../kube/paths.ts";
import { playedDesk } from "../demo/played-desk.ts";
import type { Host } from "./host.ts";
import type { Making } from "./making.ts";
import { apiObjects, type PolicySet, runOf } from "./manifests.ts";
import { makingNeeds, missingRights, missingRightsError, readingNeeds } from "./rights.ts";
import { findApi, isOfDemo, readPolicySet, runningOperators } from "./survey.ts";

/** What the demo will make on a cluster, and use. */
export type Plan = Making & {
	/** Namespace of the lease of whoever governs the desk. */
	readonly operatorNamespace: string;
};

/**
 * Looks at the cluster, changes nothing, and says what a demo would make there.
 * @throws GuestError `Unsuitable`, `OtherContent`, `MissingRights`
 */
export async function planDemo({ client, context }: Host, signal: AbortSignal): Promise<Plan> {
	const run = runOf(randomBytes(3).toString("hex"));
	const policies = await readPolicySet(client);
	const reading = readingNeeds(policies);
	const blind = await missingRights(client, reading);
	if (blind.length > 0) {
		const all = [...reading, ...makingNeeds(run, { policies, installs: true, ownOperator: true })];
		throw missingRightsError(context, await missingRights(client, all));
	}
	const api = await findApi(client, policies);
	const operators = api.kind === "Absent" ? [] : await runningOperators(client, signal);
	const theirs = operators.find(({ namespace }) => !isOfDemo(namespace));
	const ownOperator = theirs === undefined;
	const missing = await missingRights(
		client,
		makingNeeds(run, { policies, installs: isOurs(api), ownOperator }),
	);
	if (missing.length > 0) throw missingRightsError(context, missing);
	return { run, policies, api, ownOperator, operatorNamespace: theirs?.namespace ?? run.operatorNamespace };
}

/** Whether the API goes with the last demo. */
export function isOurs(api: Plan["api"]): boolean {
	return api.kind === "Absent" || api.byDemo;
}

/** The plan in the words of the person who has to agree. */
export async function describePlan(host: Host, plan: Plan, image: string): Promise<readonly string[]> {
	const { run, api, ownOperator, operatorNamespace } = plan;
	const { workloads } = playedDesk;
	const pods = workloads.reduce((sum, { replicas }) => sum + replicas, 0);
	return [
		`On the cluster ${host.server}`,
		`(context ${host.context}, Kubernetes ${host.version}, as ${await userName(host)})`,
		"the demo makes, and removes when it ends:",
		`  namespace ${run.namespace}:`,
		`      ${workloads.length} workloads, ${pods} pods of ${image}, four people as service accounts`,
		...(ownOperator
			? [
					`  namespace ${run.operatorNamespace}:`,
					"      accounts and lease of the operator, whose two replicas run here",
					`  ClusterRole tradingsafety-demo-${run.id} and its binding:`,
					"      the operator reads desks and namespaces",
				]
			: []),
		...(api.kind === "Absent"
			? [
					"  the API:",
					...countApi(plan.policies).map((line) => `      ${line}`),
					"      (they judge pods only in namespaces with the label tradingsafety.dev/enforce)",
				]
			: []),
		...(api.kind === "Same"
			? [`It uses the API that is there${api.byDemo ? ", made by another demo" : ", and leaves it"}.`]
			: []),
		...(ownOperator ? [] : [`The operator that runs in ${operatorNamespace} governs the desk.`]),
		"It changes nothing else.",
	];
}

function countApi(policies: PolicySet): readonly string[] {
	const all = apiObjects(policies);
	const count = (test: (kind: string) => boolean) => all.filter(({ kind }) => test(kind)).length;
	const definitions = count((kind) => kind === "CustomResourceDefinition");
	const rules = count((kind) => kind.endsWith("Policy"));
	const bindings = count((kind) => kind.endsWith("PolicyBinding"));
	const roles = count((kind) => kind === "ClusterRole");
	return [
		`${definitions} CustomResourceDefinitions, ${roles} ClusterRoles`,
		`${rules} admission policies with ${bindings} bindings`,
	];
}

type Review = { readonly status?: { readonly userInfo?: { readonly username?: string } } };

async function userName({ client }: Host): Promise<string> {
	const reviews = { group: "authentication.k8s.io", version: "v1", resource: "selfsubjectreviews" };
	const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
	try {
		const { status } = await client.create<Review>(pathOf(reviews), review);
		return status?.userInfo?.username ?? "nobody";
	} catch (error) {
		// Only told to the person: who may not ask is still somebody.
		if (!isKubeError(error, "FORBIDDEN", "NOT_FOUND")) throw error;
		return "a user who may not ask for their name";
	}
}
