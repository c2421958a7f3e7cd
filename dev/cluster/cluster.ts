import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClusterAccess, openCluster } from "./access.ts";
import { writeCredentials } from "./credentials.ts";
import type { ClusterError } from "./errors.ts";
import {
	type ClusterDescription,
	type ClusterFiles,
	type ClusterPorts,
	readProcesses,
	type ServerName,
	writeAtomically,
} from "./files.ts";
import { prepareFolder } from "./folder.ts";
import { withLock } from "./lock.ts";
import { freePorts } from "./ports.ts";
import { type Progress, silent } from "./progress.ts";
import {
	type ControllerManagerRate,
	kwokConfig,
	kwokConfigFile,
	type ServerPlan,
	schedulerConfig,
	schedulerConfigFile,
	serverCommands,
} from "./servers.ts";
import { type Starting, startApiServer, startServers } from "./startup.ts";
import { ensureToolchain } from "./toolchain.ts";
import { startWarden } from "./warden-client.ts";

const STAGES = fileURLToPath(new URL("stages", import.meta.url));

/** Settings of {@link startCluster}. */
export type ClusterOptions = {
	/** Where its files go; by default a new temporary folder. Must be new, empty, or hold an earlier cluster. */
	readonly dir?: string;
	/** How many KWOK nodes (4). */
	readonly nodes?: number;
	/** True lets etcd call fsync, as where latency is measured; false (the default) is faster. */
	readonly fsync?: boolean;
	readonly controllerManagerRate?: ControllerManagerRate;
	/** Appended to a server's command line. */
	readonly extraFlags?: Partial<Record<ServerName, readonly string[]>>;
	readonly progress?: Progress;
	/** Gives up the start, with nothing left. */
	readonly signal?: AbortSignal;
	/** Told when the cluster ended without `stop`; by default the error is thrown, which ends this process. */
	readonly onLost?: (error: ClusterError) => void;
};

/** A cluster that this process started. It ends with this process, unless it was detached. */
export type Cluster = ClusterAccess & {
	/** Ends all servers and removes the cluster's files. */
	stop(): Promise<void>;
	/** Lets the cluster outlive this process, which then may only use it, not stop or restart it. */
	detach(): Promise<void>;
	/** Resolves when the API server's process is gone. SIGKILL is a crash; SIGTERM (the default) drains for up to 5 s. */
	stopApiServer(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
	/** Starts it again on the same port; resolves when it is ready. */
	startApiServer(): Promise<void>;
	restartApiServer(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
	/** Ends one server; resolves when its process is gone. The others go on without it. */
	stopServer(server: ServerName, signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
	/** Starts a stopped server again; resolves when its process runs, and with the API server when it is ready. */
	startServer(server: ServerName): Promise<void>;
	/** Ends the controller manager and starts it again at this rate; returns before it acts. */
	restartControllerManager(rate: ControllerManagerRate): Promise<void>;
	/** The numbers of the processes that run now. */
	pids(): Partial<Record<ServerName | "warden", number>>;
};

/**
 * Starts etcd, the Kubernetes servers and KWOK on free loopback ports, and returns when pods can be created
 * and are placed. What an earlier, crashed cluster left in the same folder is cleaned up first.
 * @throws ClusterError `StartFailed` with the last lines of the log, `AlreadyRunning`, `BadArguments`, and
 * those of `ensureToolchain`
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
	const progress = options.progress ?? silent;
	const binaries = await ensureToolchain({ progress, signal: options.signal });
	options.signal?.throwIfAborted();
	if (options.dir === undefined) return startIn(await prepareFolder(undefined), binaries, options);
	const dir = resolve(options.dir);
	mkdirSync(dirname(dir), { recursive: true });
	return withLock(
		`${dir}.lock`,
		async () => startIn(await prepareFolder(dir), binaries, options),
		(pid) => progress.report(`Waiting for process ${pid}, which starts a cluster in ${dir}`),
	);
}

async function startIn(files: ClusterFiles, binaries: string, options: ClusterOptions): Promise<Cluster> {
	const [apiServer = 0, etcd = 0, etcdPeer = 0] = await freePorts(3);
	const ports: ClusterPorts = { apiServer, etcd, etcdPeer };
	const server = `https://127.0.0.1:${apiServer}`;
	const plan: ServerPlan = {
		files,
		ports,
		binaries,
		stages: readdirSync(STAGES).map((name) => join(STAGES, name)),
		fsync: options.fsync ?? false,
		controllerManagerRate: options.controllerManagerRate ?? "Default",
		extraFlags: options.extraFlags ?? {},
	};
	const commands = serverCommands(plan);
	const warden = startWarden(files, options.onLost ?? throwError);
	const starting: Starting = { files, ports, server, warden, commands, signal: options.signal };
	try {
		await writeCredentials(files, server);
		writeFileSync(schedulerConfigFile(files), schedulerConfig(files));
		writeFileSync(kwokConfigFile(files), kwokConfig());
		await startServers(starting, options.nodes ?? 4, options.progress ?? silent);
		const description: ClusterDescription = { server, ports, kubectl: join(binaries, "kubectl") };
		writeAtomically(files.description, JSON.stringify(description));
	} catch (error) {
		await warden.end();
		throw error;
	}
	return handle(starting, plan);
}

function handle(starting: Starting, plan: ServerPlan): Cluster {
	const { files, warden } = starting;
	// The signal was for the first start only.
	const cluster: Starting = { ...starting, signal: undefined };
	return {
		...openCluster(files.dir),
		stop: () => warden.end(),
		detach: () => warden.detach(),
		stopApiServer: (signal = "SIGTERM") => warden.stop("kube-apiserver", signal),
		startApiServer: () => startApiServer(cluster),
		async restartApiServer(signal = "SIGTERM") {
			await warden.stop("kube-apiserver", signal);
			await startApiServer(cluster);
		},
		stopServer: (server, signal = "SIGTERM") => warden.stop(server, signal),
		startServer: (server) =>
			server === "kube-apiserver" ? startApiServer(cluster) : warden.start(server, cluster.commands[server]),
		async restartControllerManager(rate) {
			const name = "kube-controller-manager";
			await warden.stop(name, "SIGTERM");
			await warden.start(name, serverCommands({ ...plan, controllerManagerRate: rate })[name]);
		},
		pids: () =>
			Object.fromEntries(
				Object.entries(readProcesses(files)).map(([name, identity]) => [name, identity.pid]),
			),
	};
}

function throwError(error: ClusterError): never {
	throw error;
}
