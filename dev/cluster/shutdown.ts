import { existsSync } from "node:fs";
import {
	API_SERVERS,
	type ClusterFiles,
	readProcesses,
	removeClusterFiles,
	type ServerName,
} from "./files.ts";
import { endProcess } from "./processes.ts";

/**
 * The order in which servers stop. The API servers go before etcd: without etcd they hang for a minute.
 */
export const STOP_STAGES: readonly (readonly ServerName[])[] = [
	["kwok", "kube-scheduler", "kube-controller-manager"],
	API_SERVERS,
	["etcd"],
];

/** Longer than the warden needs for three stages in which every server has to be killed. */
const WARDEN_GRACE_MILLISECONDS = 30_000;

/**
 * Ends whatever still runs of the cluster in this folder and removes its files. Works from any process,
 * with the warden alive or dead, and on a cluster that never became ready.
 */
export async function endCluster(files: ClusterFiles): Promise<void> {
	const { warden } = readProcesses(files);
	if (warden !== undefined) await endProcess(warden, WARDEN_GRACE_MILLISECONDS);
	// Normally the warden has done all of the rest and its record is gone with the other files.
	const left = readProcesses(files);
	for (const stage of STOP_STAGES) {
		await Promise.all(
			stage.map(async (server) => {
				const identity = left[server];
				if (identity !== undefined) await endProcess(identity, 5000);
			}),
		);
	}
	removeClusterFiles(files);
}

/** True when the folder holds a cluster or what one left. */
export function holdsCluster(files: ClusterFiles): boolean {
	return existsSync(files.marker);
}
