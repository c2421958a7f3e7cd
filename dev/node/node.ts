import { type ChildProcess, spawn } from "node:child_process";
import {
	closeSync,
	existsSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterAccess } from "../cluster/access.ts";
import { createApiClient } from "../cluster/api.ts";
import { readKeyPair } from "../cluster/credentials.ts";
import { waitFor } from "../cluster/deadline.ts";
import { systemErrorCode } from "../cluster/errors.ts";
import { clusterFiles } from "../cluster/files.ts";
import { nodesAreReady } from "../cluster/nodes.ts";
import { identify, isRunning, type ProcessIdentity, sendSignal } from "../cluster/processes.ts";
import { unshare } from "./abilities.ts";
import { findCgroups, makeCgroup, processesIn, removeCgroup } from "./cgroups.ts";
import { enclosure } from "./enclosure.ts";
import { NodeError } from "./errors.ts";
import {
	bridge,
	containerdConfig,
	kubeletConfig,
	type NodePlan,
	networkConfig,
	nodeFiles,
} from "./settings.ts";

const init = fileURLToPath(new URL("init.sh", import.meta.url));
const patience = { timeoutMilliseconds: 120_000, intervalMilliseconds: 50 };

/** A node with a kubelet and real pods. It ends with the enclosure, at the latest. */
export type RealNode = {
	readonly name: string;
	/** What runs now in the containers of a pod, by its UID, or of all; not the processes that hold their namespaces. */
	processes(podUid?: string): readonly ProcessIdentity[];
	/** Stops the kubelet in its tracks (SIGSTOP): the pods live on, and nobody hears of them. */
	silence(): void;
	/** Lets the kubelet go on. */
	wake(): void;
	/** Ends everything on the node in one moment; its disk stays. */
	cutPower(): Promise<void>;
	/** Starts it again, with the same disk; resolves when its kubelet runs. */
	powerOn(): Promise<void>;
	/** Waits until the API server finds it ready and pods may be placed on it. */
	ready(): Promise<void>;
	/** The end of the log of one of its programs. */
	logTail(program: "containerd" | "kubelet" | "init", lines?: number): string;
};

/** Starts a node of a cluster in this enclosure; resolves when it is ready. `index` is from 1, another for each node. */
export async function startNode(cluster: ClusterAccess, index: number): Promise<RealNode> {
	const { folder: parent, cgroup, kubelet, images } = enclosure();
	const name = `node-${index}`;
	const plan: NodePlan = {
		...{ name, index, folder: join(parent, name), cgroup: `${cgroup}/${name}` },
		caFile: cluster.caFile,
	};
	writeSettings(plan);
	const kubeconfig = await cluster.kubeconfigFor({ name: `system:node:${name}`, groups: ["system:nodes"] });
	let first = await powerOn();

	async function powerOn(): Promise<ChildProcess> {
		makeCgroup(plan.cgroup);
		const log = openSync(nodeFiles(plan.folder).log("init"), "a");
		const [command = "", ...flags] = unshare;
		const args = ["sh", init, plan.folder, kubelet, name, bridge.address, kubeconfig, ...images];
		const child = spawn(command, [...flags, ...args], { stdio: ["ignore", log, log] });
		closeSync(log);
		// It ends with the enclosure; nobody is to wait for it.
		child.unref();
		await waitFor(`the kubelet of ${name} runs`, () => kubeletOf(child) !== undefined, {
			...patience,
			assertPossible() {
				if (child.exitCode === null && child.signalCode === null) return;
				throw new NodeError("StartFailed", `${name} ended while it was starting:\n${logTail("init")}`);
			},
		});
		return child;
	}

	function logTail(program: "containerd" | "kubelet" | "init", lines = 15): string {
		const path = nodeFiles(plan.folder).log(program);
		return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n").slice(-lines).join("\n") : "";
	}

	function signal(what: NodeJS.Signals): void {
		const found = kubeletOf(first);
		if (found === undefined || !sendSignal(found, what)) {
			throw new NodeError("NotRunning", `the kubelet of ${name} does not run`);
		}
	}

	async function ready(): Promise<void> {
		const files = clusterFiles(cluster.dir);
		const { certificate } = readKeyPair(files, "ca");
		const api = createApiClient(cluster.server, certificate, readKeyPair(files, "admin"));
		try {
			await waitFor(`${name} is ready`, () => nodesAreReady(api, [name]), patience);
		} catch (cause) {
			const logs = `containerd:\n${logTail("containerd")}\nkubelet:\n${logTail("kubelet")}`;
			throw new NodeError("StartFailed", `${name} does not get ready\n${logs}`, { cause });
		} finally {
			await api.close();
		}
	}

	await ready();
	return {
		name,
		processes(podUid = "kubepods") {
			return findCgroups(plan.cgroup, podUid)
				.flatMap(processesIn)
				.map(identify)
				.filter((found) => found !== undefined)
				.filter(({ pid }) => commandOf(pid) !== "/pause");
		},
		silence: () => signal("SIGSTOP"),
		wake: () => signal("SIGCONT"),
		async cutPower() {
			const ended = new Promise((resolve) => first.once("exit", resolve));
			first.kill("SIGKILL");
			await ended;
			await waitFor(`nothing is left of ${name}`, () => removeCgroup(plan.cgroup), patience);
		},
		async powerOn() {
			first = await powerOn();
		},
		ready,
		logTail,
	};
}

/** True while one of these runs. */
export function anyRuns(processes: readonly ProcessIdentity[]): boolean {
	return processes.some(isRunning);
}

function writeSettings(plan: NodePlan): void {
	const files = nodeFiles(plan.folder);
	for (const folder of [plan.folder, files.networks]) mkdirSync(folder, { recursive: true });
	writeFileSync(files.containerdConfig, containerdConfig(plan));
	writeFileSync(join(files.networks, "10-nodes.conflist"), networkConfig(plan));
	writeFileSync(files.kubeletConfig, kubeletConfig(plan));
}

/** The kubelet below the process that made the namespaces of its node. */
function kubeletOf(first: ChildProcess): ProcessIdentity | undefined {
	if (first.pid === undefined) return undefined;
	for (const init of childrenOf(first.pid)) {
		for (const pid of childrenOf(init)) {
			if (commandOf(pid)?.endsWith("/kubelet") === true) return identify(pid);
		}
	}
	return undefined;
}

function childrenOf(parent: number): readonly number[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.map(Number)
		.filter((pid) => fieldsOf(pid)?.[1] === String(parent));
}

/** Of proc_pid_stat(5), after the command: state, parent and so on. */
function fieldsOf(pid: number): readonly string[] | undefined {
	const stat = readProcess(pid, "stat");
	return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function commandOf(pid: number): string | undefined {
	return readProcess(pid, "cmdline")?.split("\0")[0];
}

function readProcess(pid: number, file: string): string | undefined {
	try {
		return readFileSync(`/proc/${pid}/${file}`, "utf8");
	} catch (error) {
		const code = systemErrorCode(error);
		if (code === "ENOENT" || code === "ESRCH") return undefined;
		throw error;
	}
}
