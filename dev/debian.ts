import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { withLock } from "./cluster/lock.ts";
import { defaultCacheFolder } from "./cluster/toolchain.ts";

/** Somebody else may be installing something. */
const patience = ["-o", "DPkg::Lock::Timeout=600"];

/** Runs apt-get, one at a time: it refuses to work beside itself. Throws with its last words. */
export async function aptGet(args: readonly string[], folder?: string): Promise<void> {
	const cache = defaultCacheFolder(process.env);
	mkdirSync(cache, { recursive: true, mode: 0o700 });
	await withLock(join(cache, "apt-get.lock"), async () => {
		try {
			const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
			const options = { env, maxBuffer: 64 << 20, ...(folder !== undefined && { cwd: folder }) };
			await promisify(execFile)("apt-get", [...patience, ...args], options);
		} catch (cause) {
			const { stderr = "" } = cause as { readonly stderr?: string };
			throw new Error(`apt-get ${args.join(" ")} failed: ${stderr.slice(-1_000)}`, { cause });
		}
	});
}

/** Installs packages of Debian, and nothing that they recommend. Throws with the last words of apt-get. */
export async function installPackages(names: readonly string[]): Promise<void> {
	await aptGet(["update", "-qq"]);
	await aptGet(["install", "-y", "-qq", "--no-install-recommends", ...names]);
}
