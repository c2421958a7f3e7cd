/**
 * `node dev/node/enclose.ts COMMAND [ARG...]`: runs a command in namespaces of its own (network, processes, mounts), in
 * which real nodes can be started. When the command ends, or this process does in any way, or its standard input, if it
 * is a pipe, is closed, the kernel ends everything in there; what lies outside, cgroups and a folder, is removed by this
 * process, or by the next one that starts.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { waitFor } from "../cluster/deadline.ts";
import { ClusterError, messageOf, systemErrorCode } from "../cluster/errors.ts";
import { withLock } from "../cluster/lock.ts";
import { identify, isRunning, type ProcessIdentity } from "../cluster/processes.ts";
import { ensureToolchain } from "../cluster/toolchain.ts";
import { untilEnd } from "../venue/lifetime.ts";
import { ensureAbilities, unshare } from "./abilities.ts";
import { cgroupsNamed, makeCgroup, removeCgroup } from "./cgroups.ts";
import { type Enclosure, enclosureVariable } from "./enclosure.ts";
import { NodeError } from "./errors.ts";
import { ensurePrograms } from "./programs.ts";
import { bridge } from "./settings.ts";

const prefix = "tradingsafety-node-";
const ownerFile = "owner.json";

/** The first process in there: reaps what it inherits, and says how the command ended. */
const first = [
	"ip link set lo up",
	`ip link add ${bridge.name} type bridge`,
	`ip addr add ${bridge.address}/16 dev ${bridge.name}`,
	`ip link set ${bridge.name} up`,
	'{ "$@"; exit $?; }',
].join(" && ");

async function main(command: readonly string[]): Promise<number> {
	if (command.length === 0)
		throw new NodeError("NotEnclosed", "usage: node dev/node/enclose.ts COMMAND [ARG...]");
	const ended = untilEnd();
	const say = (what: string) => console.error(what);
	await ensureAbilities(say);
	await ensureToolchain();
	const programs = await ensurePrograms(say);
	// Whoever removes what is dead must not meet a folder that has no owner yet.
	const folder = await withLock("/tmp/tradingsafety-node.lock", async () => {
		removeDead();
		return makeFolder();
	});
	const name = basename(folder);
	makeCgroup(name);
	const enclosure: Enclosure = { folder, cgroup: name, ...programs };
	const child = spawn(
		"setpriv",
		["--pdeathsig", "KILL", ...unshare, "--net", "sh", "-c", first, "sh", ...command],
		{
			stdio: ["ignore", "inherit", "inherit"],
			env: { ...process.env, TMPDIR: folder, [enclosureVariable]: JSON.stringify(enclosure) },
		},
	);
	const exit = new Promise<number>((resolve, reject) => {
		child.once("error", reject);
		child.once("exit", (code) => resolve(code ?? 1));
	});
	void ended.then(() => child.kill("SIGKILL"));
	try {
		return await exit;
	} finally {
		await waitFor(`nothing is left of ${name}`, () => removeCgroup(name), { timeoutMilliseconds: 20_000 });
		rmSync(folder, { recursive: true, force: true });
	}
}

function makeFolder(): string {
	// Sockets lie below it, whose paths have 107 bytes at most.
	const folder = mkdtempSync(join(tmpdir().length > 30 ? "/tmp" : tmpdir(), prefix));
	writeFileSync(join(folder, ownerFile), JSON.stringify(identify(process.pid)));
	return folder;
}

/** Removes what enclosures left whose process was killed. */
function removeDead(): void {
	const folders = new Map(
		[...new Set(["/tmp", tmpdir()])].flatMap((parent) =>
			readdirSync(parent)
				.filter((name) => name.startsWith(prefix))
				.map((name) => [name, join(parent, name)] as const),
		),
	);
	for (const name of new Set([...folders.keys(), ...cgroupsNamed(prefix)])) {
		const folder = folders.get(name);
		const owner = folder === undefined ? undefined : ownerOf(folder);
		if (owner !== undefined && isRunning(owner)) continue;
		if (removeCgroup(name) && folder !== undefined) rmSync(folder, { recursive: true, force: true });
	}
}

function ownerOf(folder: string): ProcessIdentity | undefined {
	try {
		return JSON.parse(readFileSync(join(folder, ownerFile), "utf8")) as ProcessIdentity;
	} catch (error) {
		if (systemErrorCode(error) === "ENOENT") return undefined;
		throw error;
	}
}

try {
	process.exitCode = await main(process.argv.slice(2));
	process.stdin.destroy();
} catch (error) {
	if (!(error instanceof NodeError) && !(error instanceof ClusterError)) throw error;
	console.error(messageOf(error));
	process.exit(1);
}
