import { type ApiClient, createApiClient } from "./api.ts";
import { readKeyPair } from "./credentials.ts";
import { waitFor } from "./deadline.ts";
import { ClusterError, messageOf } from "./errors.ts";
import {
	API_SERVERS,
	type ApiServerName,
	type ClusterFiles,
	type ClusterPorts,
	logTail,
	type ServerName,
} from "./files.ts";
import { createNodes, hasDefaultServiceAccount, nodesAreReady } from "./nodes.ts";
import { isListening } from "./ports.ts";
import type { Progress } from "./progress.ts";
import type { ServerCommand } from "./servers.ts";
import type { Warden } from "./warden-client.ts";

const READY_TIMEOUT_MILLISECONDS = 60_000;

/** The servers that only talk to the API server. */
export const clients = ["kube-controller-manager", "kube-scheduler", "kwok"] as const;

/** What there is of a cluster while it starts. */
export type Starting = {
	readonly files: ClusterFiles;
	readonly ports: ClusterPorts;
	/** Of each API server. */
	readonly servers: readonly string[];
	readonly warden: Warden;
	readonly command: (server: ServerName) => ServerCommand;
	readonly signal: AbortSignal | undefined;
};

/**
 * Starts all servers in order; returns when pods can be created and are placed.
 * @throws ClusterError `StartFailed` with the last lines of the log of the server that was waited for
 */
export async function startServers(cluster: Starting, nodes: number, progress: Progress): Promise<void> {
	const { warden, command } = cluster;
	const step = "Starting the cluster";
	progress.report(step, "etcd");
	await startStore(cluster);

	const [first, ...further] = API_SERVERS.slice(0, cluster.servers.length);
	progress.report(step, "API server");
	// One alone makes what every API server needs to find in etcd.
	if (first !== undefined) await startApiServer(cluster, first);
	await Promise.all(further.map((server) => startApiServer(cluster, server)));

	progress.report(step, "controllers, scheduler and nodes");
	await asAdmin(cluster, "kube-apiserver", async (api) => {
		const names = await createNodes(api, nodes);
		// KWOK would play real nodes, too.
		const started = clients.filter((name) => name !== "kwok" || nodes > 0);
		for (const name of started) await warden.start(name, command(name));
		await waitForServers(
			cluster,
			started,
			async () => (await nodesAreReady(api, names)) && (await hasDefaultServiceAccount(api, "default")),
		);
	});
	progress.finish();
}

/** Starts etcd; returns when it listens. */
export async function startStore(cluster: Starting): Promise<void> {
	const { warden, command, ports } = cluster;
	await warden.start("etcd", command("etcd"));
	await waitForServers(cluster, ["etcd"], () => isListening(ports.etcd));
}

/** Starts an API server; returns when it is ready. */
export async function startApiServer(cluster: Starting, name: ApiServerName): Promise<void> {
	await cluster.warden.start(name, cluster.command(name));
	await asAdmin(cluster, name, (api) =>
		waitForServers(cluster, [name], async () => (await api.call("GET", "/readyz")) === "ok"),
	);
}

/** Without this a new KWOK, which has a new name, plays the nodes only when the leases of the one before are over. */
export async function endNodeLeases(cluster: Starting): Promise<void> {
	const path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
	await asAdmin(cluster, "kube-apiserver", async (api) => {
		await api.call("DELETE", path);
	});
}

async function asAdmin(
	{ files, servers }: Starting,
	name: ApiServerName,
	work: (api: ApiClient) => Promise<void>,
): Promise<void> {
	const server = servers[API_SERVERS.indexOf(name)] ?? "";
	const api = createApiClient(server, readKeyPair(files, "ca").certificate, readKeyPair(files, "admin"));
	try {
		await work(api);
	} finally {
		await api.close();
	}
}

/** Waits for a condition, but no longer than the servers that it depends on live. */
async function waitForServers(
	{ files, warden, signal }: Starting,
	servers: readonly ServerName[],
	condition: () => Promise<boolean>,
): Promise<void> {
	const fail = (what: string, guilty: readonly ServerName[], cause?: unknown) => {
		const logs = guilty.map((server) => `--- the end of the log of ${server}:\n${logTail(files, server)}`);
		return new ClusterError("StartFailed", [what, ...logs].join("\n"), { cause });
	};
	const assertPossible = () => {
		signal?.throwIfAborted();
		for (const server of servers) {
			const how = warden.unexpectedEnd(server);
			if (how !== undefined) throw fail(`${server} ended while it was starting (${how})`, [server]);
		}
	};
	try {
		await waitFor(`${servers.join(", ")} can be used`, condition, {
			timeoutMilliseconds: READY_TIMEOUT_MILLISECONDS,
			intervalMilliseconds: 30,
			assertPossible,
		});
	} catch (error) {
		if (!(error instanceof ClusterError) || error.code !== "DeadlineExceeded") throw error;
		throw fail(`${messageOf(error)}: ${messageOf(error.cause)}`, servers, error);
	}
}
