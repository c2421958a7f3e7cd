import { type ApiClient, createApiClient } from "./api.ts";
import { readKeyPair } from "./credentials.ts";
import { waitFor } from "./deadline.ts";
import { ClusterError, messageOf } from "./errors.ts";
import { type ClusterFiles, type ClusterPorts, logTail, type ServerName } from "./files.ts";
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
	readonly server: string;
	readonly warden: Warden;
	readonly commands: Readonly<Record<ServerName, ServerCommand>>;
	readonly signal: AbortSignal | undefined;
};

/**
 * Starts all servers in order; returns when pods can be created and are placed.
 * @throws ClusterError `StartFailed` with the last lines of the log of the server that was waited for
 */
export async function startServers(cluster: Starting, nodes: number, progress: Progress): Promise<void> {
	const { warden, commands } = cluster;
	const step = "Starting the cluster";
	progress.report(step, "etcd");
	await startStore(cluster);

	progress.report(step, "API server");
	await startApiServer(cluster);

	progress.report(step, "controllers, scheduler and nodes");
	await asAdmin(cluster, async (api) => {
		const names = await createNodes(api, nodes);
		for (const name of clients) await warden.start(name, commands[name]);
		await waitForServers(
			cluster,
			clients,
			async () => (await nodesAreReady(api, names)) && (await hasDefaultServiceAccount(api, "default")),
		);
	});
	progress.finish();
}

/** Starts etcd; returns when it listens. */
export async function startStore(cluster: Starting): Promise<void> {
	const { warden, commands, ports } = cluster;
	await warden.start("etcd", commands.etcd);
	await waitForServers(cluster, ["etcd"], () => isListening(ports.etcd));
}

/** Starts the API server; returns when it is ready. */
export async function startApiServer(cluster: Starting): Promise<void> {
	await cluster.warden.start("kube-apiserver", cluster.commands["kube-apiserver"]);
	await asAdmin(cluster, (api) =>
		waitForServers(cluster, ["kube-apiserver"], async () => (await api.call("GET", "/readyz")) === "ok"),
	);
}

async function asAdmin(cluster: Starting, work: (api: ApiClient) => Promise<void>): Promise<void> {
	const { files, server } = cluster;
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
