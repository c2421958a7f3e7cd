import { existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterError } from "./errors.ts";
import { type ClusterFiles, clusterFiles, readDescription, readProcesses, writeMarker } from "./files.ts";
import { isRunning } from "./processes.ts";
import { endCluster } from "./shutdown.ts";

/** True while the cluster in this folder is ready and its warden lives. */
export function isClusterRunning(files: ClusterFiles): boolean {
	const { warden } = readProcesses(files);
	return readDescription(files) !== undefined && warden !== undefined && isRunning(warden);
}

/**
 * Makes the folder of a new cluster, a temporary one without `dir`. Ends and removes what an earlier cluster
 * left there; refuses a folder with other content, since stopping will remove files.
 * @throws ClusterError `AlreadyRunning`, `BadArguments`
 */
export async function prepareFolder(dir: string | undefined): Promise<ClusterFiles> {
	if (dir === undefined) {
		const files = clusterFiles(mkdtempSync(join(tmpdir(), "tradingsafety-")));
		makeFolders(files, true);
		return files;
	}
	const files = clusterFiles(dir);
	if (isClusterRunning(files))
		throw new ClusterError("AlreadyRunning", `a cluster is already running in ${dir}`);
	if (existsSync(files.marker)) await endCluster(files);
	const isNew = !existsSync(dir);
	if (!isNew && readdirSync(dir).length > 0) {
		throw new ClusterError("BadArguments", `${dir} holds other files: name a new or an empty folder`);
	}
	mkdirSync(dir, { recursive: true, mode: 0o700 });
	makeFolders(files, isNew);
	return files;
}

function makeFolders(files: ClusterFiles, createdFolder: boolean): void {
	writeMarker(files, createdFolder);
	for (const folder of [files.kubeconfigs, files.pki, files.config, files.data, files.logs]) {
		mkdirSync(folder, { mode: 0o700 });
	}
}
