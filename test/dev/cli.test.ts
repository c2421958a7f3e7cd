import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { openCluster } from "../../dev/cluster/access.ts";
import { clusterFiles, readProcesses } from "../../dev/cluster/files.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { endProcess, isRunning, sendSignal, waitForEnd } from "../../dev/cluster/processes.ts";
import { processesOf, tracesOf } from "./traces.ts";

const CLI = fileURLToPath(new URL("../../dev/cluster/cli.ts", import.meta.url));

const parent = mkdtempSync(join(tmpdir(), "tradingsafety-cli-"));
test.after.always("nothing is left", async () => {
	for (const name of readdirSync(parent)) {
		const { warden } = readProcesses(clusterFiles(join(parent, name)));
		if (warden !== undefined) await endProcess(warden, 30_000);
	}
	rmSync(parent, { recursive: true });
});

async function cluster(...args: string[]) {
	const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "pipe"] });
	let stdout = "";
	let stderr = "";
	child.stdout.on("data", (chunk) => {
		stdout += chunk;
	});
	child.stderr.on("data", (chunk) => {
		stderr += chunk;
	});
	// "close" comes only when nobody holds the pipes any more: a server that kept them would hang `$(...)`.
	const code = await new Promise<number | null>((resolve, reject) => {
		child.once("error", reject);
		child.once("close", resolve);
	});
	return { code, stdout, stderr };
}

test.serial("up leaves a cluster running, a second up finds it, down leaves no trace", async (t) => {
	// Given no cluster
	const dir = join(parent, "plain");
	// When one is started, and again
	const first = await cluster("up", "--dir", dir, "--nodes", "2");
	t.is(first.code, 0, first.stderr);
	const second = await cluster("up", "--dir", dir);
	const status = await cluster("status", "--dir", dir);
	// Then both print the kubeconfig alone, and it works
	t.is(first.stdout, `${dir}/kubeconfig\n`);
	t.is(second.stdout, first.stdout);
	t.true(second.stderr.includes("already running"));
	t.is(status.code, 0);
	const nodes = await kubectl(openCluster(dir), ["get", "nodes", "-o", "name"]);
	t.is(nodes.stdout, "node/node-1\nnode/node-2\n");
	// When it is ended
	const traces = tracesOf(dir);
	const down = await cluster("down", "--dir", dir);
	// Then there is nothing left, and a second down says so
	t.is(down.code, 0, down.stderr);
	t.deepEqual(await traces(), []);
	const again = await cluster("down", "--dir", dir);
	t.is(again.code, 1);
	t.is(again.stderr, `There is no cluster in ${dir}.\n`);
	t.is((await cluster("status", "--dir", dir)).code, 1);
});

test.serial("keys are readable by their owner only", async (t) => {
	// Given a running cluster
	const dir = join(parent, "keys");
	t.is((await cluster("up", "--dir", dir, "--nodes", "1")).code, 0);
	// When its files are looked at
	const files = clusterFiles(dir);
	const readable = [files.kubeconfig, ...readdirSync(files.pki).map((name) => join(files.pki, name))].filter(
		(path) => (statSync(path).mode & 0o077) !== 0,
	);
	// Then nobody else can read them
	t.deepEqual(readable, []);
	t.is(statSync(files.pki).mode & 0o777, 0o700);
	// And no kubeconfig skips verification
	t.false(readFileSync(files.kubeconfig, "utf8").includes("insecure"));
	t.is((await cluster("down", "--dir", dir)).code, 0);
});

test.serial("after the warden and the folder's cluster were killed, down and up clean up", async (t) => {
	// Given a cluster whose warden was killed with SIGKILL, so that its servers are orphans
	const dir = join(parent, "orphans");
	t.is((await cluster("up", "--dir", dir, "--nodes", "1")).code, 0);
	const traces = tracesOf(dir);
	const killWarden = async () => {
		const { warden, ...servers } = readProcesses(clusterFiles(dir));
		if (warden === undefined) throw new Error("no warden is recorded");
		sendSignal(warden, "SIGKILL");
		await waitForEnd(warden, 10_000);
		return Object.values(servers).filter(isRunning);
	};
	t.is((await killWarden()).length, 5);
	// When another one is started in the same folder
	const up = await cluster("up", "--dir", dir, "--nodes", "1");
	// Then it runs, alone
	t.is(up.code, 0, up.stderr);
	t.is(processesOf(dir).length, 6);
	// When the same happens again and it is ended
	await killWarden();
	t.is((await cluster("down", "--dir", dir)).code, 0);
	// Then nothing is left
	t.deepEqual(await traces(), []);
});

test.serial("a folder with other files is refused and left as it is", async (t) => {
	// Given a folder with a file of somebody
	const dir = mkdtempSync(join(parent, "others-"));
	writeFileSync(join(dir, "thesis.txt"), "all of it");
	// When a cluster is to be started or ended there
	const up = await cluster("up", "--dir", dir);
	const down = await cluster("down", "--dir", dir);
	// Then both refuse
	t.is(up.code, 2);
	t.true(up.stderr.includes("holds other files"));
	t.is(down.code, 1);
	t.deepEqual(readdirSync(dir), ["thesis.txt"]);
	t.false(existsSync(`${dir}.lock`));
});

for (const [what, ...args] of [
	["no command"],
	["an unknown command", "sideways", "--dir", "x"],
	["no folder", "up"],
	["no number", "up", "--dir", "x", "--nodes", "many"],
	["no API server", "up", "--dir", "x", "--api-servers", "0"],
	["no nodes", "up", "--dir", "x", "--nodes", "0"],
	["an unknown flag", "up", "--dir", "x", "--fast"],
	["a flag of another command", "down", "--dir", "x", "--nodes", "1"],
	["a user without a name", "user", "--dir", "x"],
] as const) {
	test(`bad arguments get the usage: ${what}`, async (t) => {
		// Given bad arguments, when the command is run
		const result = await cluster(...args);
		// Then it says how to use it
		t.is(result.code, 2);
		t.true(result.stderr.includes("Usage:"));
		t.is(result.stdout, "");
	});
}
