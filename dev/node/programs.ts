import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkGo, runGo } from "../cluster/go.ts";
import { withLock } from "../cluster/lock.ts";
import { BUILD_FLAGS, buildKey, defaultCacheFolder } from "../cluster/toolchain.ts";
import { nodeFiles, nodeImage, pauseImage, writeImage } from "./images.ts";

const kubernetes = fileURLToPath(new URL("../cluster", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));

/** What is built once for real nodes. */
export type NodePrograms = { readonly kubelet: string; readonly images: readonly string[] };

/**
 * The kubelet, of the same sources as the API server, and the images of pods. The first call builds them with the
 * machine's Go; later ones find them beside the servers. Of several processes at once one builds.
 */
export async function ensurePrograms(say: (what: string) => void): Promise<NodePrograms> {
	const cache = defaultCacheFolder(process.env);
	const libraries = await nodeFiles(process.execPath);
	const key = `node-${digest([
		...[buildKey(), process.version, JSON.stringify(libraries)],
		...["pause/main.go", "images.ts"].map((name) => readFileSync(join(here, name), "utf8")),
	])}`;
	const folder = join(cache, key);
	const programs = {
		kubelet: join(folder, "kubelet"),
		images: ["pause.tar", "node.tar"].map((name) => join(folder, name)),
	};
	if (existsSync(folder)) return programs;
	await checkGo(process.env);
	mkdirSync(cache, { recursive: true, mode: 0o700 });
	await withLock(
		join(cache, `${key}.lock`),
		async () => {
			if (existsSync(folder)) return;
			for (const name of readdirSync(cache)) {
				if (name.startsWith(`${key}.building.`)) rmSync(join(cache, name), { recursive: true, force: true });
			}
			const temporary = mkdtempSync(join(cache, `${key}.building.`));
			try {
				say("Building the kubelet (once, about 3 minutes)");
				await build(temporary, libraries);
				renameSync(temporary, folder);
			} finally {
				rmSync(temporary, { recursive: true, force: true });
			}
		},
		(pid) => say(`Waiting for process ${pid}, which builds the kubelet`),
	);
	return programs;
}

async function build(folder: string, libraries: Readonly<Record<string, string>>): Promise<void> {
	const kubelet = ["build", "-mod=readonly", ...BUILD_FLAGS, "-o", join(folder, "kubelet")];
	await runGo([...kubelet, "k8s.io/kubernetes/cmd/kubelet"], { folder: kubernetes, env: process.env });
	const pause = join(folder, "pause");
	const env = { ...process.env, CGO_ENABLED: "0" };
	await runGo(["build", "-trimpath", "-ldflags", "-s -w", "-o", pause, "main.go"], {
		folder: join(here, "pause"),
		env,
	});
	await writeImage(join(folder, "pause.tar"), {
		name: pauseImage,
		from: { "/pause": pause },
		command: ["/pause"],
	});
	const command = ["/usr/bin/node"];
	await writeImage(join(folder, "node.tar"), { name: nodeImage, from: libraries, command });
}

function digest(parts: readonly string[]): string {
	return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}
