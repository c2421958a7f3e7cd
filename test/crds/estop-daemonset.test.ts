import test from "ava";
import { type EstopAccess, estopDaemonSet } from "../../crds/estop-daemonset.ts";
import { estopAccount, operatorNamespace, permitKeySecret, raiseKeySecret } from "../../crds/roles.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { parseOptions } from "../../sidecar/options.ts";
import { sharedCluster } from "../support/cluster.ts";

type Pod = {
	readonly args: readonly string[];
	readonly securityContext: {
		readonly privileged?: boolean;
		readonly readOnlyRootFilesystem?: boolean;
		readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
	};
};
type DaemonSet = {
	readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Pod] } } };
};

for (const access of ["Privileged", "DevicePlugin"] as const satisfies readonly EstopAccess[]) {
	test(`${access}: the API server takes the DaemonSet as it is`, async (t) => {
		// Given the embedded cluster with the operator's namespace
		const cluster = await sharedCluster();
		const admin = new Client(await connect(loadKubeConfig(cluster.kubeconfig)));
		t.teardown(() => admin.close());
		const path = `/apis/apps/v1/namespaces/${operatorNamespace}/daemonsets`;
		// When it is created by dry run, with unknown fields refused
		const query = { dryRun: "All", fieldValidation: "Strict" };
		const made = await admin.create<DaemonSet>(path, estopDaemonSet(access), query);
		// Then it is as wanted: a root file system for reading, and all rights or none
		const [{ args, securityContext }] = made.spec.template.spec.containers;
		t.true(securityContext.readOnlyRootFilesystem);
		t.is(securityContext.capabilities?.add, undefined);
		t.is(securityContext.privileged ?? false, access === "Privileged");
		if (access === "DevicePlugin") t.deepEqual(securityContext.capabilities, { drop: ["ALL"] });
		// And the program understands what it is called with
		const values = args.map((arg) => arg.replace("$(NODE_NAME)", "node-1").replace("$(POD_IP)", "10.0.0.1"));
		t.like(parseOptions(values), {
			identity: "node-1",
			httpAddress: "10.0.0.1",
			httpPort: 8081,
			stateDir: "/state",
			exitOnLoss: access === "DevicePlugin",
		});
	});
}

test("the account of the sidecar may raise desks, delete pods and write Leases and events, and nothing else", async (t) => {
	// Given what the API server says about its account
	const cluster = await sharedCluster();
	const admin = new Client(await connect(loadKubeConfig(cluster.kubeconfig)));
	t.teardown(() => admin.close());
	const may = async (namespace: string, verb: string, resource: string, name?: string) => {
		const [of = "", subresource] = resource.split("/");
		const [plural = "", ...group] = of.split(".");
		const attributes = { namespace, verb, resource: plural, group: group.join("."), subresource, name };
		const { status } = await admin.create<{ readonly status: { readonly allowed: boolean } }>(
			"/apis/authorization.k8s.io/v1/subjectaccessreviews",
			{
				apiVersion: "authorization.k8s.io/v1",
				kind: "SubjectAccessReview",
				spec: {
					user: `system:serviceaccount:${operatorNamespace}:${estopAccount}`,
					groups: [
						"system:serviceaccounts",
						`system:serviceaccounts:${operatorNamespace}`,
						"system:authenticated",
					],
					resourceAttributes: attributes,
				},
			},
		);
		return status.allowed;
	};
	const kinds = [
		...["tradingsafeties.tradingsafety.dev", "tradingsafeties.tradingsafety.dev/status"],
		...["restorerecords.tradingsafety.dev", "pods", "pods/eviction", "pods/exec", "secrets", "configmaps"],
		...["serviceaccounts/token", "deployments.apps", "deployments.apps/scale", "daemonsets.apps", "nodes"],
		...["leases.coordination.k8s.io", "events.events.k8s.io", "roles.rbac.authorization.k8s.io"],
	];
	const verbs = [
		"create",
		"update",
		"patch",
		"delete",
		"deletecollection",
		"reset",
		"configure",
		"override",
		"clear",
	];
	const allowed = async (namespace: string) => {
		const asked = kinds.flatMap((kind) => [...verbs, "get"].map((verb) => [verb, kind] as const));
		const answers = await Promise.all(asked.map(([verb, kind]) => may(namespace, verb, kind)));
		return asked.filter((_, index) => answers[index]).map((each) => each.join(" "));
	};
	const everywhere = [
		"patch tradingsafeties.tradingsafety.dev",
		"get tradingsafeties.tradingsafety.dev",
		"delete pods",
		"get pods",
		"create events.events.k8s.io",
		"patch events.events.k8s.io",
	];
	// Then it can do that much at desks
	t.deepEqual((await allowed("default")).toSorted(), everywhere.toSorted());
	// And in its own namespace Leases beside it, and of the Secrets the raise key
	const leases = ["create", "patch", "get"].map((verb) => `${verb} leases.coordination.k8s.io`);
	t.deepEqual((await allowed(operatorNamespace)).toSorted(), [...everywhere, ...leases].toSorted());
	t.true(await may(operatorNamespace, "get", "secrets", raiseKeySecret));
	t.false(await may(operatorNamespace, "get", "secrets", permitKeySecret));
});
