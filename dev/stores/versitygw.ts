import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runGo } from "../cluster/go.ts";
import { freePorts } from "../cluster/ports.ts";
import { type Build, ensureBuilt, type ToolchainOptions } from "../cluster/toolchain.ts";
import { type ObjectStore, started } from "./server.ts";

const moduleFolder = dirname(fileURLToPath(import.meta.url));
const flags = ["-mod=readonly", "-trimpath", "-ldflags", "-s -w"];

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
	return { url, region, credentials, ...(await started(child, "versitygw", url, [port])) };
}
