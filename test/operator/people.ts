import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { pathOf } from "../../kube/paths.ts";
import type { Scope } from "../support/scope.ts";
import { until } from "../support/until.ts";
import type { TestDesk } from "./desk.ts";

/** A user of one desk with the rights of one of the generated roles. */
export type Person = { readonly name: string; readonly client: Client };

/** A client of the cluster as whoever a kubeconfig names. Closed with the test. */
async function clientOf(t: Scope, kubeconfig: string): Promise<Client> {
	const client = new Client(await connect(loadKubeConfig(kubeconfig), { sockets: 4 }));
	t.teardown(() => client.close());
	return client;
}

/** Makes a requester (who may reset) and an approver for the desk's namespace, with their rights in force. */
export async function people(
	t: Scope,
	desk: TestDesk,
): Promise<{ readonly requester: Person; readonly approver: Person; readonly raiser: Person }> {
	const [requester, approver, raiser] = await Promise.all([
		person(t, desk, "rosa", "resetter", "reset"),
		person(t, desk, "anton", "approver", "approve"),
		person(t, desk, "ravi", "raiser", "patch"),
	]);
	return { requester, approver, raiser };
}

/** Makes a user with one of the generated roles in the desk's namespace; resolves when the verb is in force. */
export async function person(
	t: Scope,
	desk: TestDesk,
	name: string,
	role: string,
	verb: string,
): Promise<Person> {
	const { namespace, cluster, admin } = desk;
	const group = "rbac.authorization.k8s.io";
	await admin.create(pathOf({ group, version: "v1", resource: "rolebindings", namespace }), {
		apiVersion: `${group}/v1`,
		kind: "RoleBinding",
		metadata: { name },
		roleRef: { apiGroup: group, kind: "ClusterRole", name: `tradingsafety-${role}` },
		subjects: [{ kind: "User", name, apiGroup: group }],
	});
	const client = await clientOf(t, await cluster.kubeconfigFor({ name }));
	const review = {
		apiVersion: "authorization.k8s.io/v1",
		kind: "SelfSubjectAccessReview",
		spec: {
			resourceAttributes: { group: "tradingsafety.dev", resource: "tradingsafeties", namespace, verb },
		},
	};
	await until(`${name} may ${verb}`, async () => {
		const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
		const answer = await client.create<{ readonly status: { readonly allowed: boolean } }>(path, review);
		return answer.status.allowed;
	});
	return { name, client };
}
