import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Copies logs out of their folder, which goes with the demo, and returns where to. */
export function keepLogs(logs: string): string {
	const kept = mkdtempSync(join(tmpdir(), "tradingsafety-logs-"));
	cpSync(logs, kept, { recursive: true });
	return kept;
}
