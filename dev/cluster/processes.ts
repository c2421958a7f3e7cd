import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { waitFor } from "./deadline.ts";
import { ClusterError, systemErrorCode } from "./errors.ts";

/**
 * A process that is not mistaken for another: process numbers are reused, the pair of number and start
 * time is not. `startedAt` is opaque, comparable on one machine until it reboots.
 */
export type ProcessIdentity = { readonly pid: number; readonly startedAt: string };

/** The identity of a running process, or undefined when there is none (a zombie counts as none). */
export function identify(pid: number): ProcessIdentity | undefined {
	const startedAt = process.platform === "linux" ? startTimeFromProc(pid) : startTimeFromPs(pid);
	return startedAt === undefined ? undefined : { pid, startedAt };
}

/** True while exactly this process runs. */
export function isRunning(identity: ProcessIdentity): boolean {
	return identify(identity.pid)?.startedAt === identity.startedAt;
}

/** Sends a signal to exactly this process; false when it no longer runs. */
export function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
	if (!isRunning(identity)) return false;
	try {
		process.kill(identity.pid, signal);
		return true;
	} catch (error) {
		if (systemErrorCode(error) === "ESRCH") return false;
		throw error;
	}
}

/** Ends a process, a frozen one too: SIGTERM, and SIGKILL when it still runs after `graceMilliseconds`. */
export async function endProcess(identity: ProcessIdentity, graceMilliseconds: number): Promise<void> {
	if (!sendSignal(identity, "SIGTERM")) return;
	sendSignal(identity, "SIGCONT");
	try {
		await waitForEnd(identity, graceMilliseconds);
	} catch (error) {
		if (!(error instanceof ClusterError) || error.code !== "DeadlineExceeded") throw error;
		sendSignal(identity, "SIGKILL");
		await waitForEnd(identity, 10_000);
	}
}

/** Waits until the process is gone. */
export async function waitForEnd(identity: ProcessIdentity, timeoutMilliseconds: number): Promise<void> {
	await waitFor(`process ${identity.pid} has ended`, () => !isRunning(identity), {
		timeoutMilliseconds,
		intervalMilliseconds: 20,
	});
}

/** Fields 3 (state) and 22 (start time in clock ticks since boot) of proc_pid_stat(5). */
function startTimeFromProc(pid: number): string | undefined {
	let stat: string;
	try {
		stat = readFileSync(`/proc/${pid}/stat`, "utf8");
	} catch (error) {
		const code = systemErrorCode(error);
		if (code === "ENOENT" || code === "ESRCH") return undefined;
		throw error;
	}
	// The second field is the command in parentheses, which may itself hold spaces and parentheses.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return fields[0] === "Z" ? undefined : fields[19];
}

function startTimeFromPs(pid: number): string | undefined {
	const result = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" });
	if (result.error) throw result.error;
	const [state = "Z", ...started] = result.stdout.trim().split(/\s+/);
	return result.status !== 0 || state.startsWith("Z") ? undefined : started.join(" ");
}
