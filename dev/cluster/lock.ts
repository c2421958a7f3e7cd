import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { systemErrorCode } from "./errors.ts";
import { identify, isRunning, type ProcessIdentity } from "./processes.ts";

/**
 * Runs `work` while holding the lock file `path`; waits as long as another process holds it (`onWait` is
 * told which, several times) and takes over the lock of a process that no longer runs.
 *
 * In the rare case that two processes take over the same dead lock at the same moment both may go on: do
 * only what is also safe, if wasteful, when done twice.
 */
export async function withLock<T>(
	path: string,
	work: () => Promise<T>,
	onWait: (ownerPid: number) => void = () => {},
): Promise<T> {
	const owner = identify(process.pid);
	if (owner === undefined) throw new Error("this process cannot find itself");
	for (;;) {
		if (create(path, owner)) break;
		const other = read(path);
		if (other === undefined) continue;
		if (isRunning(other)) {
			onWait(other.pid);
			await delay(200);
		} else {
			const stale = `${path}.${randomBytes(4).toString("hex")}`;
			if (rename(path, stale)) rmSync(stale, { force: true });
		}
	}
	try {
		return await work();
	} finally {
		rmSync(path, { force: true });
	}
}

/** A link appears with its content, which a file that is created and then written does not. */
function create(path: string, owner: ProcessIdentity): boolean {
	const draft = `${path}.${randomBytes(4).toString("hex")}`;
	writeFileSync(draft, JSON.stringify(owner));
	try {
		linkSync(draft, path);
		return true;
	} catch (error) {
		if (systemErrorCode(error) === "EEXIST") return false;
		throw error;
	} finally {
		rmSync(draft);
	}
}

function read(path: string): ProcessIdentity | undefined {
	try {
		return JSON.parse(readFileSync(path, "utf8")) as ProcessIdentity;
	} catch (error) {
		if (systemErrorCode(error) === "ENOENT") return undefined;
		throw error;
	}
}

function rename(from: string, to: string): boolean {
	try {
		renameSync(from, to);
		return true;
	} catch (error) {
		if (systemErrorCode(error) === "ENOENT") return false;
		throw error;
	}
}
