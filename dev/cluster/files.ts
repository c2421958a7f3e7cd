import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemErrorCode } from "./errors.ts";
import type { ProcessIdentity } from "./processes.ts";

/** The programs that servers run. */
export const PROGRAMS = [
	"etcd",
	"kube-apiserver",
	"kube-controller-manager",
	"kube-scheduler",
	"kwok",
] as const;
export type ProgramName = (typeof PROGRAMS)[number];

/** The API servers that a cluster may have, in order; it has at least the first. */
export const API_SERVERS = ["kube-apiserver", "kube-apiserver-2", "kube-apiserver-3"] as const;
export type ApiServerName = (typeof API_SERVERS)[number];

/** True for one of {@link API_SERVERS}. */
export function isApiServerName(name: string): name is ApiServerName {
	return (API_SERVERS as readonly string[]).includes(name);
}

/** One server of a cluster. */
export type ServerName = ProgramName | ApiServerName;

/** Where everything of one cluster lies. */
export type ClusterFiles = {
	readonly dir: string;
	/** Says that the folder is ours to empty. */
	readonly marker: string;
	/** Exists when the cluster is ready: a {@link ClusterDescription}. */
	readonly description: string;
	/** Written by the warden alone: {@link RecordedProcesses}. */
	readonly processes: string;
	/** The kubeconfig of the administrator. */
	readonly kubeconfig: string;
	/** The kubeconfigs of everyone else. */
	readonly kubeconfigs: string;
	readonly pki: string;
	readonly config: string;
	readonly data: string;
	/** Copies of `data`. */
	readonly snapshots: string;
	readonly logs: string;
	readonly kubectlCache: string;
	/** Of whatever else runs for as long as the cluster does, such as the bots of the demo. */
	readonly guests: string;
};

/** What another process must know to use a cluster that is ready. */
export type ClusterDescription = {
	/** `https://127.0.0.1:PORT` of each API server. */
	readonly servers: readonly string[];
	readonly ports: ClusterPorts;
	/** The path of the kubectl binary. */
	readonly kubectl: string;
};

export type ClusterPorts = {
	/** One of each API server. */
	readonly apiServers: readonly number[];
	readonly etcd: number;
	readonly etcdPeer: number;
};

export type RecordedProcesses = Partial<Record<ServerName | "warden", ProcessIdentity>>;

type Marker = { readonly createdFolder: boolean };

export function clusterFiles(dir: string): ClusterFiles {
	return {
		dir,
		marker: join(dir, ".tradingsafety-cluster"),
		description: join(dir, "cluster.json"),
		processes: join(dir, "processes.json"),
		kubeconfig: join(dir, "kubeconfig"),
		kubeconfigs: join(dir, "kubeconfigs"),
		pki: join(dir, "pki"),
		config: join(dir, "config"),
		data: join(dir, "etcd"),
		snapshots: join(dir, "snapshots"),
		logs: join(dir, "logs"),
		kubectlCache: join(dir, "kubectl-cache"),
		guests: join(dir, "guests"),
	};
}

/** Marks a folder as holding a cluster; `createdFolder` is true when it did not exist before. */
export function writeMarker(files: ClusterFiles, createdFolder: boolean): void {
	writeAtomically(files.marker, JSON.stringify({ createdFolder } satisfies Marker));
}

/** What to know of a ready cluster, or undefined while there is none. */
export function readDescription(files: ClusterFiles): ClusterDescription | undefined {
	return readJson<ClusterDescription>(files.description);
}

export function readProcesses(files: ClusterFiles): RecordedProcesses {
	return readJson<RecordedProcesses>(files.processes) ?? {};
}

/** Removes what a cluster put into its folder, and the folder too when the cluster made it and it is empty then. */
export function removeClusterFiles(files: ClusterFiles): void {
	const marker = readJson<Marker>(files.marker);
	if (marker === undefined) return;
	const { dir, marker: markerFile, ...rest } = files;
	for (const path of Object.values(rest)) rmSync(path, { recursive: true, force: true });
	// The marker goes last: whoever is killed on the way leaves a folder that is still known as ours.
	rmSync(markerFile, { force: true });
	if (!marker.createdFolder) return;
	try {
		rmdirSync(dir);
	} catch (error) {
		const code = systemErrorCode(error);
		if (code !== "ENOTEMPTY" && code !== "ENOENT") throw error;
	}
}

/** Writes a file so that readers see the old content or the new, never a part; readable by the owner only. */
export function writeAtomically(path: string, content: string): void {
	const temporary = `${path}.${randomBytes(4).toString("hex")}`;
	writeFileSync(temporary, content, { mode: 0o600 });
	renameSync(temporary, path);
}

/** The last lines of a server's log, for an error message. */
export function logTail(files: ClusterFiles, server: ServerName | "warden", lines = 15): string {
	const path = logFile(files, server);
	if (!existsSync(path)) return "(no log)";
	return readFileSync(path, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}

export function logFile(files: ClusterFiles, server: ServerName | "warden"): string {
	return join(files.logs, `${server}.log`);
}

function readJson<T>(path: string): T | undefined {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (error) {
		if (systemErrorCode(error) === "ENOENT") return undefined;
		throw error;
	}
	return JSON.parse(text) as T;
}
