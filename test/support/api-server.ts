import type { ClusterOptions } from "../../dev/cluster/cluster.ts";

/** Holds flags, separated by spaces, that the API server of every cluster of a test run is started with. */
export const API_SERVER_FLAGS_VARIABLE = "TRADINGSAFETY_TEST_API_SERVER_FLAGS";

/** The options of a cluster, with the API server that this test run is about. */
export function withTestedApiServer(options: ClusterOptions): ClusterOptions {
	const flags = (process.env[API_SERVER_FLAGS_VARIABLE] ?? "").split(" ").filter((flag) => flag !== "");
	const own = options.extraFlags?.["kube-apiserver"] ?? [];
	return { ...options, extraFlags: { ...options.extraFlags, "kube-apiserver": [...flags, ...own] } };
}
