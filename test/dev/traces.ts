import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { clusterFiles, readDescription } from "../../dev/cluster/files.ts";
import { isListening } from "../../dev/cluster/ports.ts";

/** The processes whose command line names the folder. */
export function processesOf(dir: string): string[] {
	const result = spawnSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" });
	if (result.error) throw result.error;
	return result.stdout.split("\n").filter((line) => line.includes(`${dir}/`) || line.endsWith(dir));
}

/** Remembers where a running cluster leaves traces; the result says which of them there still are. */
export function tracesOf(dir: string): () => Promise<string[]> {
	const ports = Object.values(readDescription(clusterFiles(dir))?.ports ?? {}).flat();
	if (ports.length === 0 || processesOf(dir).length < 6) throw new Error(`no whole cluster in ${dir}`);
	return async () => {
		const listening = await Promise.all(
			ports.map(async (port) => ((await isListening(port)) ? [`port ${port}`] : [])),
		);
		return [...processesOf(dir), ...listening.flat(), ...(existsSync(dir) ? [dir] : [])];
	};
}
