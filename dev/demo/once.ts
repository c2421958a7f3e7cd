import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterError } from "../cluster/errors.ts";
import { clusterFiles } from "../cluster/files.ts";
import { displayProgress } from "../cluster/progress.ts";
import { openDemo } from "./demo.ts";
import { DemoError } from "./errors.ts";
import { Checks } from "./walk/checks.ts";
import { walk } from "./walk/walk.ts";

/**
 * `npm start -- --once`: walks the desk through all modes without a person and says whether everything was so.
 * Returns the exit code. The logs of a walk that failed are kept, and their folder is printed.
 */
export async function runOnce(signal: AbortSignal, interrupt: (error: Error) => void): Promise<0 | 1> {
	const print = (line: string) => console.log(line);
	const checks = new Checks(print);
	const demo = await openDemo({
		progress: displayProgress(process.stderr),
		signal,
		onLost: (error: ClusterError) => interrupt(error),
		onReplicaDied: (replica, how) =>
			print(`        replica ${replica} of the operator ended (${how}), and is started again`),
	});
	try {
		try {
			await walk(demo, checks, print, signal);
		} catch (error) {
			if (!(error instanceof DemoError) || error.code !== "WalkStopped") throw error;
			print(`The walk ended early, at "${error.message}"`);
		}
	} finally {
		if (checks.failed > 0)
			print(`The logs of the cluster and of both replicas: ${keepLogs(demo.cluster.dir)}`);
		await demo.stop();
	}
	print(checks.summary());
	return checks.failed === 0 ? 0 : 1;
}

/** Copies the logs out of the cluster's folder, which is removed with it. */
function keepLogs(dir: string): string {
	const kept = mkdtempSync(join(tmpdir(), "tradingsafety-logs-"));
	cpSync(clusterFiles(dir).logs, kept, { recursive: true });
	return kept;
}
