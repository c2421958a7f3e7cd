/** A program that holds a cluster until it is killed. Prints the cluster's folder when it is ready. */
import { startCluster } from "../../dev/cluster/cluster.ts";

const cluster = await startCluster({ nodes: 1 });
console.log(cluster.dir);
process.stdin.resume();
