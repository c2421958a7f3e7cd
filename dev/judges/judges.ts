import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runGo } from "../cluster/go.ts";
import { type Build, ensureBuilt, type ToolchainOptions } from "../cluster/toolchain.ts";

const moduleFolder = dirname(fileURLToPath(import.meta.url));
const flags = ["-mod=readonly", "-trimpath", "-ldflags", "-s -w"];

/**
 * The folder with programs that judge a trail and are not ours: `cosign`, `litewitness`, and `tlogcheck`, which asks Go's own
 * libraries. Built once (about 5 minutes) and kept as the servers are.
 */
export function ensureJudges(options: ToolchainOptions = {}): Promise<string> {
	const hash = createHash("sha256").update(JSON.stringify([process.platform, process.arch, flags]));
	for (const name of ["go.mod", "go.sum", "tlogcheck/main.go"]) {
		hash.update(readFileSync(join(moduleFolder, name)));
	}
	return ensureBuilt(`judges-${hash.digest("hex").slice(0, 16)}`, "the judges of trails", build, options);
}

const build: Build = async (folder, progress, { env, signal }) => {
	mkdirSync(folder, { recursive: true });
	let compiled = 0;
	const building = "Building cosign and litewitness (once, about 5 minutes)";
	progress.report(building);
	await runGo(["install", "-v", ...flags, "tool", "./tlogcheck"], {
		folder: moduleFolder,
		env: { ...env, GOBIN: folder },
		signal,
		onLine: (line) => {
			if (!line.startsWith("go: ")) progress.report(building, `${++compiled} packages`);
		},
	});
};
