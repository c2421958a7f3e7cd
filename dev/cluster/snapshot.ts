import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { API_SERVERS } from "./files.ts";
import { clients, endNodeLeases, type Starting, startApiServer, startStore } from "./startup.ts";

/** A copy of everything that etcd had at one moment. Goes with the cluster. */
export type Snapshot = { readonly folder: string };

/** Copies the store, for which it and the API servers are down for some seconds. Returns when they are back. */
export async function takeSnapshot(cluster: Starting): Promise<Snapshot> {
	const { files, warden } = cluster;
	for (const name of [...apiServers(cluster), "etcd"] as const) await warden.stop(name, "SIGTERM");
	mkdirSync(files.snapshots, { recursive: true, mode: 0o700 });
	const folder = mkdtempSync(join(files.snapshots, "snapshot-"));
	cpSync(files.data, folder, { recursive: true });
	await startStore(cluster);
	for (const name of apiServers(cluster)) await startApiServer(cluster, name);
	return { folder };
}

/**
 * Puts a copy in the place of the store, as an administrator does: all servers down, the data exchanged, all
 * servers up again, on the same ports with the same certificates. `whileDown` runs in between. Returns when the
 * API server is ready.
 */
export async function restoreSnapshot(
	cluster: Starting,
	snapshot: Snapshot,
	whileDown: () => Promise<void> = async () => {},
): Promise<void> {
	const { files, warden, command } = cluster;
	for (const name of [...clients, ...apiServers(cluster), "etcd"] as const)
		await warden.stop(name, "SIGTERM");
	rmSync(files.data, { recursive: true });
	cpSync(snapshot.folder, files.data, { recursive: true });
	await whileDown();
	await startStore(cluster);
	for (const name of apiServers(cluster)) await startApiServer(cluster, name);
	await endNodeLeases(cluster);
	for (const name of clients) await warden.start(name, command(name));
}

function apiServers({ servers }: Starting) {
	return API_SERVERS.slice(0, servers.length);
}
