import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { clients, type Starting, startApiServer, startStore } from "./startup.ts";

/** A copy of everything that etcd had at one moment. Goes with the cluster. */
export type Snapshot = { readonly folder: string };

/** Copies the store, for which it and the API server are down for some seconds. Returns when they are back. */
export async function takeSnapshot(cluster: Starting): Promise<Snapshot> {
	const { files, warden } = cluster;
	await warden.stop("kube-apiserver", "SIGTERM");
	await warden.stop("etcd", "SIGTERM");
	mkdirSync(files.snapshots, { recursive: true, mode: 0o700 });
	const folder = mkdtempSync(join(files.snapshots, "snapshot-"));
	cpSync(files.data, folder, { recursive: true });
	await startStore(cluster);
	await startApiServer(cluster);
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
	const { files, warden, commands } = cluster;
	for (const name of [...clients, "kube-apiserver", "etcd"] as const) await warden.stop(name, "SIGTERM");
	rmSync(files.data, { recursive: true });
	cpSync(snapshot.folder, files.data, { recursive: true });
	await whileDown();
	await startStore(cluster);
	await startApiServer(cluster);
	for (const name of clients) await warden.start(name, commands[name]);
}
