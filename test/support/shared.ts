import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { type ClusterAccess, openCluster } from "../../dev/cluster/access.ts";
import { createApiClient } from "../../dev/cluster/api.ts";
import { startCluster } from "../../dev/cluster/cluster.ts";
import { readKeyPair } from "../../dev/cluster/credentials.ts";
import { clusterFiles } from "../../dev/cluster/files.ts";
import { hasDefaultServiceAccount } from "../../dev/cluster/nodes.ts";
import { installApi } from "../../dev/install.ts";
import { withTestedServers } from "./server-flags.ts";
import { until } from "./until.ts";

/** Names the description of the cluster that `npm test` started for all test files. */
export const SHARED_CLUSTER_VARIABLE = "TRADINGSAFETY_TEST_CLUSTER";

let shared: Promise<ClusterAccess> | undefined;

/**
 * The cluster that all test files of a run share, with `crds/generated/` applied. A test file that runs
 * alone, without `npm test`, starts one of its own, which ends with its process.
 */
export function sharedCluster(): Promise<ClusterAccess> {
	shared ??= openShared();
	return shared;
}

/** Creates a namespace that no other test uses, in which pods can be created, and returns its name. */
export async function newNamespace(
	prefix: string,
	options: { readonly labels?: Readonly<Record<string, string>>; readonly cluster?: ClusterAccess } = {},
): Promise<string> {
	const { dir, server } = options.cluster ?? (await sharedCluster());
	const files = clusterFiles(dir);
	const api = createApiClient(server, readKeyPair(files, "ca").certificate, readKeyPair(files, "admin"));
	try {
		const name = `${prefix}-${randomBytes(4).toString("hex")}`;
		const metadata = { name, labels: options.labels ?? {} };
		await api.call("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata });
		// The controller manager may take long to come back to an API server that was restarted.
		await until(`namespace ${name} has its service account`, () => hasDefaultServiceAccount(api, name), {
			timeoutMilliseconds: 120_000,
		});
		return name;
	} finally {
		await api.close();
	}
}

async function openShared(): Promise<ClusterAccess> {
	const description = process.env[SHARED_CLUSTER_VARIABLE];
	if (description !== undefined && description !== "") return openCluster(dirname(description));
	const cluster = await startCluster(withTestedServers({}));
	await installApi(cluster);
	return cluster;
}
