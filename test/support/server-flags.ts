import type { ClusterOptions } from "../../dev/cluster/cluster.ts";

/** Flags by server. */
export type ExtraFlags = NonNullable<ClusterOptions["extraFlags"]>;

/** Holds flags as JSON, `{"kube-apiserver": ["--..."]}`, that the servers of every cluster of a test run get. */
export const SERVER_FLAGS_VARIABLE = "TRADINGSAFETY_TEST_SERVER_FLAGS";

/** The options of a cluster, with the servers that this test run is about. */
export function withTestedServers(options: ClusterOptions): ClusterOptions {
	const tested = JSON.parse(process.env[SERVER_FLAGS_VARIABLE] || "{}") as ExtraFlags;
	const own = Object.entries(options.extraFlags ?? {}).map(([name, flags]) => [
		name,
		[...(tested[name as keyof ExtraFlags] ?? []), ...flags],
	]);
	return { ...options, extraFlags: { ...tested, ...Object.fromEntries(own) } };
}
