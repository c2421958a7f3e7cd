/**
 * The process that owns the servers of one cluster: `node warden.ts DIR`. It starts and stops them on its
 * parent's orders, and when the parent goes away without having said `Detach`, or on SIGTERM, it ends all of
 * them in the right order and removes the cluster's files. It runs in a session of its own, so that Ctrl-C
 * at a terminal does not reach the servers in the wrong order.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { messageOf } from "./errors.ts";
import {
	clusterFiles,
	logFile,
	type RecordedProcesses,
	removeClusterFiles,
	type ServerName,
	writeAtomically,
} from "./files.ts";
import { identify } from "./processes.ts";
import type { ServerCommand } from "./servers.ts";
import { STOP_STAGES } from "./shutdown.ts";
import type { WardenOrder, WardenReport } from "./warden-protocol.ts";

const STOP_GRACE_MILLISECONDS = 5000;

const files = clusterFiles(process.argv[2] ?? "");
const running = new Map<ServerName, ChildProcess>();
const told = new Set<ChildProcess>();
let detached = false;
let ending = false;

function record(): void {
	const processes: RecordedProcesses = {};
	const note = (name: keyof RecordedProcesses, pid: number | undefined) => {
		const identity = pid === undefined ? undefined : identify(pid);
		if (identity !== undefined) processes[name] = identity;
	};
	note("warden", process.pid);
	for (const [server, child] of running) note(server, child.pid);
	writeAtomically(files.processes, JSON.stringify(processes));
}

function report(message: WardenReport): void {
	if (process.connected) process.send?.(message);
	else console.error(JSON.stringify(message));
}

async function start(server: ServerName, { command, args }: ServerCommand): Promise<void> {
	if (ending) throw new Error("the cluster is being stopped");
	if (running.has(server)) throw new Error(`${server} runs already`);
	const log = openSync(logFile(files, server), "a", 0o600);
	const child = spawn(command, args, { stdio: ["ignore", log, log] });
	closeSync(log);
	running.set(server, child);
	record();
	child.once("exit", (code, signal) => {
		running.delete(server);
		if (!ending) record();
		if (!told.has(child)) report({ kind: "Ended", server, how: signal ?? `exit code ${code}` });
	});
	await new Promise<void>((resolve, reject) => {
		child.once("spawn", resolve);
		child.once("error", (error) => {
			running.delete(server);
			reject(error);
		});
	});
}

async function stop(server: ServerName, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
	const child = running.get(server);
	if (child === undefined) return;
	told.add(child);
	const exited = new Promise((resolve) => child.once("exit", resolve));
	child.kill(signal);
	// One that was frozen must go on to end.
	child.kill("SIGCONT");
	const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MILLISECONDS);
	await exited;
	clearTimeout(impatience);
}

async function end(): Promise<void> {
	if (ending) return;
	ending = true;
	// First of all nobody must take the cluster for a running one.
	rmSync(files.description, { force: true });
	for (const stage of STOP_STAGES) await Promise.all(stage.map((server) => stop(server, "SIGTERM")));
	removeClusterFiles(files);
	process.exit(0);
}

async function obey(order: WardenOrder): Promise<void> {
	try {
		switch (order.kind) {
			case "Start":
				await start(order.server, order);
				break;
			case "Stop":
				await stop(order.server, order.signal);
				break;
			case "Detach":
				detached = true;
				break;
		}
		report({ kind: "Done", number: order.number });
	} catch (error) {
		report({ kind: "Failed", number: order.number, message: messageOf(error) });
	}
}

process.on("message", (order) => void obey(order as WardenOrder));
process.on("disconnect", () => {
	if (!detached) void end();
});
process.on("SIGTERM", () => void end());
process.on("SIGINT", () => void end());
process.on("SIGHUP", () => void end());
record();
// The parent may have died before the first handler was there.
if (!process.connected) void end();
