import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClusterAccess, openCluster } from "./access.ts";
import { writeCredentials } from "./credentials.ts";
import { ClusterError } from "./errors.ts";
import {
	API_SERVERS,
	type ApiServerName,
	type ClusterDescription,
	type ClusterFiles,
	type ClusterPorts,
	isApiServerName,
	type ProgramName,
	readProcesses,
	type ServerName,
	writeAtomically,
} from "./files.ts";
import { prepareFolder } from "./folder.ts";
import { withLock } from "./lock.ts";
import { freePorts } from "./ports.ts";
import { sendSignal } from "./processes.ts";
import { type Progress, silent } from "./progress.ts";
import {
	type ControllerManagerRate,
	kwokConfig,
	kwokConfigFile,
	type ServerPlan,
	schedulerConfig,
	schedulerConfigFile,
	serverCommand,
} from "./servers.ts";
import { restoreSnapshot, type Snapshot, takeSnapshot } from "./snapshot.ts";
import { type Starting, startApiServer, startServers } from "./startup.ts";
import { ensureToolchain } from "./toolchain.ts";
import { startWarden } from "./warden-client.ts";

const STAGES = fileURLToPath(new URL("stages", import.meta.url));

/** Settings of {@link startCluster}. */
export type ClusterOptions = {
	/** Where its files go; by default a new temporary folder. Must be new, empty, or hold an earlier cluster. */
	readonly dir?: string;
	/** How many KWOK nodes (4). With 0 there is no KWOK: nodes are real, or there are none. */
	readonly nodes?: number;
	/** How many API servers on the one etcd, 1 (the default) to 3. Controllers, scheduler and nodes use the first. */
	readonly apiServers?: number;
	/** True lets etcd call fsync, as where latency is measured; false (the default) is faster. */
	readonly fsync?: boolean;
	readonly controllerManagerRate?: ControllerManagerRate;
	/** Appended to the command line of a program, of each API server where there are several. */
	readonly extraFlags?: Partial<Record<ProgramName, readonly string[]>>;
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
	/**
	 * Resolves when the process of an API server, by default the first, is gone. SIGKILL is a crash; SIGTERM (the
	 * default) drains for up to 5 s.
	 */
	stopApiServer(signal?: "SIGTERM" | "SIGKILL", name?: ApiServerName): Promise<void>;
	/** Starts it again on the same port; resolves when it is ready. */
	startApiServer(name?: ApiServerName): Promise<void>;
	restartApiServer(signal?: "SIGTERM" | "SIGKILL", name?: ApiServerName): Promise<void>;
	/** Ends one server; resolves when its process is gone. The others go on without it. */
	stopServer(server: ServerName, signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
	/** Starts a stopped server again; resolves when its process runs, and with an API server when it is ready. */
	startServer(server: ServerName): Promise<void>;
	/** Stops a process in its tracks (SIGSTOP): it keeps its connections and answers nobody. */
	freeze(name: ServerName | "warden"): void;
	/** Lets a frozen process go on. */
	resume(name: ServerName | "warden"): void;
	/** Ends the controller manager and starts it again at this rate; returns before it acts. */
	restartControllerManager(rate: ControllerManagerRate): Promise<void>;
	/** Copies the store; it and the API server are away for some seconds. */
	takeSnapshot(): Promise<Snapshot>;
	/** Exchanges the store for a copy, with every server down meanwhile; `whileDown` runs in between. */
	restoreSnapshot(snapshot: Snapshot, whileDown?: () => Promise<void>): Promise<void>;
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
	const { apiServers = 1 } = options;
	if (!Number.isInteger(apiServers) || apiServers < 1 || apiServers > API_SERVERS.length) {
		throw new ClusterError(
			"BadArguments",
			`${apiServers} API servers: it must be 1 to ${API_SERVERS.length}`,
		);
	}
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
	const [etcd = 0, etcdPeer = 0, ...apiServers] = await freePorts(2 + (options.apiServers ?? 1));
	const ports: ClusterPorts = { apiServers, etcd, etcdPeer };
	const servers = apiServers.map((port) => `https://127.0.0.1:${port}`);
	const plan: ServerPlan = {
		files,
		ports,
		binaries,
		stages: readdirSync(STAGES).map((name) => join(STAGES, name)),
		fsync: options.fsync ?? false,
		controllerManagerRate: options.controllerManagerRate ?? "Default",
		extraFlags: options.extraFlags ?? {},
	};
	const warden = startWarden(files, options.onLost ?? throwError);
	const command = (name: ServerName) => serverCommand(plan, name);
	const starting: Starting = { files, ports, servers, warden, command, signal: options.signal };
	try {
		await writeCredentials(files, servers);
		writeFileSync(schedulerConfigFile(files), schedulerConfig(files));
		writeFileSync(kwokConfigFile(files), kwokConfig());
		await startServers(starting, options.nodes ?? 4, options.progress ?? silent);
		const description: ClusterDescription = { servers, ports, kubectl: join(binaries, "kubectl") };
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
		stopApiServer: (signal = "SIGTERM", name = "kube-apiserver") => warden.stop(name, signal),
		startApiServer: (name = "kube-apiserver") => startApiServer(cluster, name),
		async restartApiServer(signal = "SIGTERM", name = "kube-apiserver") {
			await warden.stop(name, signal);
			await startApiServer(cluster, name);
		},
		stopServer: (server, signal = "SIGTERM") => warden.stop(server, signal),
		startServer: (server) =>
			isApiServerName(server)
				? startApiServer(cluster, server)
				: warden.start(server, cluster.command(server)),
		freeze: (name) => signalTo(files, name, "SIGSTOP"),
		resume: (name) => signalTo(files, name, "SIGCONT"),
		async restartControllerManager(rate) {
			const name = "kube-controller-manager";
			await warden.stop(name, "SIGTERM");
			await warden.start(name, serverCommand({ ...plan, controllerManagerRate: rate }, name));
		},
		takeSnapshot: () => takeSnapshot(cluster),
		restoreSnapshot: (snapshot, whileDown) => restoreSnapshot(cluster, snapshot, whileDown),
		pids: () =>
			Object.fromEntries(
				Object.entries(readProcesses(files)).map(([name, identity]) => [name, identity.pid]),
			),
	};
}

function signalTo(files: ClusterFiles, name: ServerName | "warden", signal: "SIGSTOP" | "SIGCONT"): void {
	const identity = readProcesses(files)[name];
	if (identity === undefined || !sendSignal(identity, signal)) {
		throw new ClusterError("NotRunning", `${name} does not run in ${files.dir}`);
	}
}

function throwError(error: ClusterError): never {
	throw error;
}
