import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "../cluster/deadline.ts";
import { ClusterError } from "../cluster/errors.ts";
import { runGo } from "../cluster/go.ts";
import { freePorts } from "../cluster/ports.ts";
import { endProcess, identify } from "../cluster/processes.ts";
import { type Build, ensureBuilt, type ToolchainOptions } from "../cluster/toolchain.ts";

const moduleFolder = dirname(fileURLToPath(import.meta.url));
const flags = ["-mod=readonly", "-trimpath", "-ldflags", "-s -w"];
const startMilliseconds = 60_000;

/** An object store that runs on this machine. */
export type ObjectStore = {
	readonly url: string;
	readonly region: string;
	readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
	readonly pid: number;
	/** Ends it; its folder is whoever's who gave it. */
	readonly stop: () => Promise<void>;
};

/** The folder with `versitygw`, built once (about a minute) and kept as the servers are. */
export function ensureVersitygw(options: ToolchainOptions = {}): Promise<string> {
	const hash = createHash("sha256").update(JSON.stringify([process.platform, process.arch, flags]));
	for (const name of ["go.mod", "go.sum"]) hash.update(readFileSync(join(moduleFolder, name)));
	return ensureBuilt(`versitygw-${hash.digest("hex").slice(0, 16)}`, "the object store", build, options);
}

const build: Build = async (folder, progress, { env, signal }) => {
	mkdirSync(folder, { recursive: true });
	progress.report("Building the object store versitygw (once, about a minute)");
	const call = { folder: moduleFolder, env: { ...env, GOBIN: folder }, signal };
	await runGo(["install", ...flags, "tool"], call);
};

/** Starts one on a loopback port, with its objects in `folder`, and waits until it answers. */
export async function startVersitygw(folder: string, options: ToolchainOptions = {}): Promise<ObjectStore> {
	const binaries = await ensureVersitygw(options);
	const [port = 0] = await freePorts(1);
	const objects = join(folder, "objects");
	const versions = join(folder, "versions");
	for (const path of [objects, versions]) mkdirSync(path, { recursive: true, mode: 0o700 });
	const credentials = {
		accessKeyId: randomBytes(10).toString("hex"),
		secretAccessKey: randomBytes(20).toString("hex"),
	};
	const region = "us-east-1";
	const child = spawn(
		join(binaries, "versitygw"),
		[
			"--port",
			`127.0.0.1:${port}`,
			"--region",
			region,
			"--quiet",
			"posix",
			"--versioning-dir",
			versions,
			objects,
		],
		{
			stdio: ["ignore", "ignore", "pipe"],
			env: {
				PATH: process.env.PATH,
				ROOT_ACCESS_KEY: credentials.accessKeyId,
				ROOT_SECRET_KEY: credentials.secretAccessKey,
			},
		},
	);
	const url = `http://127.0.0.1:${port}`;
	return { url, region, credentials, ...(await started(child, "versitygw", url)) };
}

/** Waits until a server answers, in whatever way, and says how to end it. Throws when it ends before that. */
async function started(
	child: ChildProcess,
	name: string,
	url: string,
): Promise<Pick<ObjectStore, "pid" | "stop">> {
	let words = "";
	child.stderr?.setEncoding("utf8").on("data", (text: string) => {
		words = (words + text).slice(-2_000);
	});
	const identity = child.pid === undefined ? undefined : identify(child.pid);
	if (identity === undefined) throw new ClusterError("StartFailed", `${name} did not start`);
	const stop = () => endProcess(identity, 10_000);
	const answers = async () => {
		if (child.exitCode !== null) throw new ClusterError("StartFailed", `${name} ended: ${words}`);
		return fetch(url).then(
			() => true,
			() => false,
		);
	};
	try {
		await waitFor(`${name} answers`, answers, { timeoutMilliseconds: startMilliseconds });
	} catch (error) {
		await stop();
		throw error;
	}
	return { pid: identity.pid, stop };
}
