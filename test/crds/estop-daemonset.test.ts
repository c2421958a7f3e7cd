import test from "ava";
import { type EstopAccess, estopDaemonSet } from "../../crds/estop-daemonset.ts";
import { operatorNamespace } from "../../crds/roles.ts";
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
