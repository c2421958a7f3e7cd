import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { systemErrorCode } from "../cluster/errors.ts";
import { identify, isRunning, type ProcessIdentity } from "../cluster/processes.ts";

const LEVELS = 4;
const LOOK_MILLISECONDS = 500;

/**
 * The processes between this one and the npm that runs it, npm included; none without npm. A killed npm tells its
 * children nothing: the shell in between goes on, and so would this program.
 */
export function launchers(pid: number = process.pid): readonly ProcessIdentity[] {
	const found: ProcessIdentity[] = [];
	let current = parentOf(pid);
	for (let level = 0; level < LEVELS && current !== undefined; level++) {
		const identity = identify(current.pid);
		if (identity !== undefined) found.push(identity);
		if (/\bnpm\b/.test(current.command)) return found;
		current = parentOf(current.pid);
	}
	return [];
}

/** Calls `onLost` once when one of these processes is gone, until the returned function is called. */
export function watchLaunchers(watched: readonly ProcessIdentity[], onLost: () => void): () => void {
	if (watched.length === 0) return () => {};
	const timer = setInterval(() => {
		if (watched.every(isRunning)) return;
		clearInterval(timer);
		onLost();
	}, LOOK_MILLISECONDS);
	return () => clearInterval(timer);
}

function parentOf(pid: number): { readonly pid: number; readonly command: string } | undefined {
	const parent = Number(process.platform === "linux" ? parentInProc(pid) : ps(pid, "ppid="));
	if (!Number.isInteger(parent) || parent <= 1) return undefined;
	return { pid: parent, command: process.platform === "linux" ? commandInProc(parent) : ps(parent, "args=") };
}

/** Field 4 of proc_pid_stat(5), counted from behind the command, which may hold anything. */
function parentInProc(pid: number): string | undefined {
	const stat = readProc(`/proc/${pid}/stat`);
	return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
}

function commandInProc(pid: number): string {
	return readProc(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
}

function readProc(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		const code = systemErrorCode(error);
		if (code === "ENOENT" || code === "ESRCH") return "";
		throw error;
	}
}

function ps(pid: number, field: string): string {
	const result = spawnSync("ps", ["-o", field, "-p", String(pid)], { encoding: "utf8" });
	if (result.error) throw result.error;
	return result.stdout.trim();
}
