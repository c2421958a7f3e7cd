import { createHash } from "node:crypto";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkGo, runGo } from "./go.ts";
import { withLock } from "./lock.ts";
import { type Progress, silent } from "./progress.ts";

/** The Kubernetes release whose servers are built; `go.mod` holds the same one. */
export const KUBERNETES_VERSION = "v1.36.3";

const MODULE_FOLDER = dirname(fileURLToPath(import.meta.url));
const [, MAJOR, MINOR] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION) ?? [];
const VERSION_PACKAGE = "k8s.io/component-base/version";
/** Without a version the API server calls itself v0.0.0 and refuses its own feature defaults. */
export const BUILD_FLAGS = [
	"-trimpath",
	"-ldflags",
	`-s -w -X ${VERSION_PACKAGE}.gitVersion=${KUBERNETES_VERSION} -X ${VERSION_PACKAGE}.gitMajor=${MAJOR} -X ${VERSION_PACKAGE}.gitMinor=${MINOR}`,
];
const BINARIES = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok"];

/** Settings of {@link ensureToolchain}. */
export type ToolchainOptions = {
	/** Where builds are kept; by default a folder of this user. */
	readonly cacheFolder?: string;
	readonly progress?: Progress;
	/** Where `PATH` (to find go) and `XDG_CACHE_HOME` are read; by default this process's environment. */
	readonly env?: NodeJS.ProcessEnv;
	readonly signal?: AbortSignal | undefined;
};

/**
 * The folder with etcd, the Kubernetes servers, kubectl and KWOK. The first call builds them with the
 * machine's Go (some minutes); later ones find them. Of several processes at once one builds and the others
 * wait. An interrupted build leaves nothing in the way of the next.
 * @throws ClusterError `GoMissing`, `GoTooOld`, `BuildFailed`
 */
export async function ensureToolchain(options: ToolchainOptions = {}): Promise<string> {
	return ensureBuilt(buildKey(), "the Kubernetes servers", build, options);
}

/** How binaries are made: into the folder, which it makes. */
export type Build = (
	folder: string,
	progress: Progress,
	options: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal | undefined },
) => Promise<void>;

/** The folder of what `build` makes, kept under `key`: built once, as {@link ensureToolchain} says. */
export async function ensureBuilt(
	key: string,
	what: string,
	build: Build,
	options: ToolchainOptions = {},
): Promise<string> {
	const env = options.env ?? process.env;
	const cache = options.cacheFolder ?? defaultCacheFolder(env);
	const folder = join(cache, key);
	const binaries = join(folder, "bin");
	if (existsSync(binaries)) return binaries;
	const progress = options.progress ?? silent;
	await checkGo(env);
	mkdirSync(cache, { recursive: true, mode: 0o700 });
	await withLock(
		join(cache, `${key}.lock`),
		async () => {
			if (existsSync(binaries)) return;
			removeUnfinished(cache, key);
			const temporary = mkdtempSync(join(cache, `${key}.building.`));
			try {
				await build(join(temporary, "bin"), progress, { env, signal: options.signal });
				writeFileSync(
					join(temporary, "README"),
					"Built by tradingsafety; safe to delete, the next start builds it again.\n",
				);
				renameSync(temporary, folder);
			} finally {
				rmSync(temporary, { recursive: true, force: true });
			}
		},
		(pid) => progress.report(`Waiting for process ${pid}, which builds ${what}`),
	);
	progress.finish();
	return binaries;
}

/** Changes whenever something that goes into the binaries changes. */
export function buildKey(moduleFolder = MODULE_FOLDER): string {
	const hash = createHash("sha256");
	hash.update(JSON.stringify([process.platform, process.arch, BUILD_FLAGS, BINARIES]));
	for (const name of ["go.mod", "go.sum"]) hash.update(readFileSync(join(moduleFolder, name)));
	return `kubernetes-${KUBERNETES_VERSION}-${hash.digest("hex").slice(0, 16)}`;
}

/** The XDG Base Directory Specification ignores values that are not absolute, and so does this. */
export function defaultCacheFolder(env: NodeJS.ProcessEnv): string {
	const configured = env.XDG_CACHE_HOME;
	const base = configured !== undefined && isAbsolute(configured) ? configured : join(homedir(), ".cache");
	return join(base, "tradingsafety");
}

async function build(
	folder: string,
	progress: Progress,
	options: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal | undefined },
): Promise<void> {
	mkdirSync(folder, { recursive: true });
	const flags = ["-mod=readonly", ...BUILD_FLAGS];

	let modules = 0;
	const looking = "Looking for the sources of the Kubernetes servers";
	progress.report(looking);
	const stale = await runGo(
		["list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", ...flags, "tool"],
		{
			...options,
			folder: MODULE_FOLDER,
			onLine: (line) => {
				if (line.startsWith("go: downloading")) progress.report(looking, `${++modules} modules downloaded`);
			},
		},
	);

	const total = stale.split("\n").filter((line) => line !== "").length;
	let compiled = 0;
	const building = "Building the Kubernetes servers (once, about 5 minutes)";
	progress.report(building, `0 of ${total} packages`);
	await runGo(["install", "-v", ...flags, "tool"], {
		folder: MODULE_FOLDER,
		env: { ...options.env, GOBIN: folder },
		signal: options.signal,
		onLine: (line) => {
			if (!line.startsWith("go: "))
				progress.report(building, `${Math.min(++compiled, total)} of ${total} packages`);
		},
	});
	// Go names a tool after the last part of its path.
	renameSync(join(folder, "server"), join(folder, "etcd"));
	const missing = BINARIES.filter((name) => !existsSync(join(folder, name)));
	if (missing.length > 0) throw new Error(`go built everything but ${missing.join(", ")}`);
}

/** What killed builds left. Only the holder of the lock may call this. */
function removeUnfinished(cache: string, key: string): void {
	for (const name of readdirSync(cache)) {
		if (name.startsWith(`${key}.building.`)) rmSync(join(cache, name), { recursive: true, force: true });
	}
}
