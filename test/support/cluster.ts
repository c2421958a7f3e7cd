import test from "ava";
import { type Cluster, type ClusterOptions, startCluster } from "../../dev/cluster/cluster.ts";
import { withTestedServers } from "./server-flags.ts";

export { newNamespace, SHARED_CLUSTER_VARIABLE, sharedCluster } from "./shared.ts";

const started: Cluster[] = [];

test.after.always("the clusters of this file are stopped", async () => {
	await Promise.all(started.map((cluster) => cluster.stop()));
});

/** A cluster for this test file alone, for tests that restart servers. Stopped when the file's tests are over. */
export async function ownCluster(options: ClusterOptions = {}): Promise<Cluster> {
	const cluster = await startCluster(withTestedServers(options));
	started.push(cluster);
	return cluster;
}
