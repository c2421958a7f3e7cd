import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "../cluster/deadline.ts";
import { runGo } from "../cluster/go.ts";
import { freePorts } from "../cluster/ports.ts";
import { endProcess, identify } from "../cluster/processes.ts";
import { type Build, ensureBuilt, type ToolchainOptions } from "../cluster/toolchain.ts";

const moduleFolder = dirname(fileURLToPath(import.meta.url));
const flags = ["-mod=readonly", "-trimpath", "-ldflags", "-s -w"];
const startMilliseconds = 60_000;

/** The folder with `prometheus` and `promtool`, built once (about 4 minutes) and kept as the servers are. */
export function ensurePrometheus(options: ToolchainOptions = {}): Promise<string> {
	const hash = createHash("sha256").update(JSON.stringify([process.platform, process.arch, flags]));
	for (const name of ["go.mod", "go.sum"]) hash.update(readFileSync(join(moduleFolder, name)));
	const key = `prometheus-${hash.digest("hex").slice(0, 16)}`;
	return ensureBuilt(key, "Prometheus", build, options);
}

const build: Build = async (folder, progress, { env, signal }) => {
	mkdirSync(folder, { recursive: true });
	let compiled = 0;
	const building = "Building Prometheus (once, about 4 minutes)";
	progress.report(building);
	await runGo(["install", "-v", ...flags, "tool"], {
		folder: moduleFolder,
		env: { ...env, GOBIN: folder },
		signal,
		onLine: (line) => {
			if (!line.startsWith("go: ")) progress.report(building, `${++compiled} packages`);
		},
	});
};

/** What to scrape: loopback ports by the name of the job. */
export type Scrapes = Readonly<Record<string, readonly number[]>>;

/** A running Prometheus. */
export type Prometheus = {
	readonly url: string;
	readonly pid: number;
	/** Ends it; its folder is whoever's who gave it. */
	readonly stop: () => Promise<void>;
};

/** Starts Prometheus on a loopback port, with its data in `folder`, and waits until it answers. */
export async function startPrometheus(
	folder: string,
	scrapes: Scrapes,
	options: ToolchainOptions & { readonly scrapeMilliseconds?: number } = {},
): Promise<Prometheus> {
	const binaries = await ensurePrometheus(options);
	const [port = 0] = await freePorts(1);
	const config = join(folder, "prometheus.yaml");
	const jobs = Object.entries(scrapes).map(([name, ports]) => ({
		job_name: name,
		static_configs: [{ targets: ports.map((one) => `127.0.0.1:${one}`) }],
	}));
	const interval = `${options.scrapeMilliseconds ?? 1_000}ms`;
	const global = { scrape_interval: interval, scrape_timeout: interval };
	// JSON is YAML.
	writeFileSync(config, JSON.stringify({ global, scrape_configs: jobs }));
	const url = `http://127.0.0.1:${port}`;
	const child = spawn(
		join(binaries, "prometheus"),
		[
			`--config.file=${config}`,
			`--storage.tsdb.path=${join(folder, "data")}`,
			`--web.listen-address=127.0.0.1:${port}`,
			"--log.level=warn",
		],
		{ stdio: "ignore" },
	);
	const identity = child.pid === undefined ? undefined : identify(child.pid);
	if (identity === undefined) throw new Error("Prometheus did not start");
	const stop = () => endProcess(identity, 10_000);
	try {
		await waitFor("Prometheus is ready", () => isReady(url), { timeoutMilliseconds: startMilliseconds });
	} catch (error) {
		await stop();
		throw error;
	}
	return { url, pid: identity.pid, stop };
}

async function isReady(url: string): Promise<boolean> {
	try {
		return (await fetch(`${url}/-/ready`)).ok;
	} catch {
		// Nobody listens yet: asked again until the deadline.
		return false;
	}
}
