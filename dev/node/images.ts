import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "./run.ts";

/** The image with Node.js and nothing else, and the one that holds a pod. */
export const nodeImage = "localhost/node:test";
export const pauseImage = "localhost/pause:test";

/** Writes an image with the files `from` (paths in the image to paths here) as `docker save` would. */
export async function writeImage(
	tar: string,
	{
		name,
		from,
		command,
	}: {
		readonly name: string;
		readonly from: Readonly<Record<string, string>>;
		readonly command: readonly string[];
	},
): Promise<void> {
	const folder = `${tar}.making`;
	const root = join(folder, "root");
	for (const path of ["dev", "etc", "proc", "sys", "tmp"]) mkdirSync(join(root, path), { recursive: true });
	chmodSync(join(root, "tmp"), 0o1777);
	for (const [path, source] of Object.entries(from)) {
		mkdirSync(dirname(join(root, path)), { recursive: true });
		copyFileSync(source, join(root, path));
	}
	const layer = join(folder, "layer.tar");
	await run("tar", ["-C", root, "--sort=name", "--owner=0", "--group=0", "--mtime=@0", "-cf", layer, "."]);
	const digest = createHash("sha256").update(readFileSync(layer)).digest("hex");
	const config = {
		architecture: process.arch === "x64" ? "amd64" : process.arch,
		os: "linux",
		created: "1970-01-01T00:00:00Z",
		config: { Env: ["PATH=/usr/bin:/bin"], Cmd: command, WorkingDir: "/" },
		rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
	};
	writeFileSync(join(folder, "config.json"), JSON.stringify(config));
	const manifest = [{ Config: "config.json", RepoTags: [name], Layers: ["layer.tar"] }];
	writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
	await run("tar", [
		"-C",
		folder,
		"-cf",
		join(folder, "image.tar"),
		"manifest.json",
		"config.json",
		"layer.tar",
	]);
	cpSync(join(folder, "image.tar"), tar);
	rmSync(folder, { recursive: true });
}

/** The files that Node.js needs in an image: the program at /usr/bin/node, and the libraries that it is linked with. */
export async function nodeFiles(program: string): Promise<Readonly<Record<string, string>>> {
	const linked = await run("ldd", [program]);
	const libraries = [...linked.matchAll(/(\/[^ ]+) \(0x/g)].map((match) => match[1] ?? "");
	return { "/usr/bin/node": program, ...Object.fromEntries(libraries.map((path) => [path, path])) };
}
