import { readFileSync } from "node:fs";
import test from "ava";
import { type EstopAccess, estopDaemonSet } from "../../crds/estop-daemonset.ts";
import { operatorNamespace } from "../../crds/roles.ts";
import { Client } from "../../kube/client.ts";
import { connect } from "../../kube/connection.ts";
import { loadKubeConfig } from "../../kube/kubeconfig.ts";
import { parseOptions } from "../../sidecar/options.ts";
import { sharedCluster } from "../support/cluster.ts";

type Operation = { readonly op: string; readonly path: string; readonly value: unknown };
type DaemonSet = {
	readonly spec: {
		readonly template: {
			readonly spec: { readonly containers: readonly [{ readonly args: readonly string[] }] };
		};
	};
};

/** The patch that docs/estop.md gives. */
function documentedPatch(): readonly Operation[] {
	const page = readFileSync(new URL("../../docs/estop.md", import.meta.url), "utf8");
	const [, patch = ""] = /`record\.json`:\n```json\n([^`]+)```/.exec(page) ?? [];
	return JSON.parse(patch);
}

/** As much of JSON Patch (RFC 6902) as it uses: adding to the end of a list. */
function patched(object: unknown, operations: readonly Operation[]): unknown {
	const copy = structuredClone(object);
	for (const { op, path, value } of operations) {
		const names = path.split("/").slice(1);
		if (op !== "add" || names.pop() !== "-") throw new Error(`${op} ${path}`);
		const list = names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], copy);
		(list as unknown[]).push(value);
	}
	return copy;
}

for (const access of ["Privileged", "DevicePlugin"] as const satisfies readonly EstopAccess[]) {
	test(`${access}: with the documented patch the API server takes it, and the sidecar keeps a record`, async (t) => {
		const cluster = await sharedCluster();
		const admin = new Client(await connect(loadKubeConfig(cluster.kubeconfig)));
		t.teardown(() => admin.close());
		const path = `/apis/apps/v1/namespaces/${operatorNamespace}/daemonsets`;
		const wanted = patched(estopDaemonSet(access), documentedPatch()) as object;
		const query = { dryRun: "All", fieldValidation: "Strict" };
		const made = await admin.create<DaemonSet>(path, wanted, query);
		const [{ args }] = made.spec.template.spec.containers;
		t.deepEqual(parseOptions(args).record, {
			...{ dir: "/record/spool", key: "/record-key/key.pem", log: "NAME-OF-THE-LOG" },
			url: "http://tradingsafety-trail.tradingsafety-system:8086",
		});
	});
}
