import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterFiles } from "../cluster/files.ts";

/** Copies the logs of a cluster and of the replicas out of its folder, which goes with it, and returns where to. */
export function keepLogs(dir: string): string {
	const kept = mkdtempSync(join(tmpdir(), "tradingsafety-logs-"));
	cpSync(clusterFiles(dir).logs, kept, { recursive: true });
	return kept;
}
