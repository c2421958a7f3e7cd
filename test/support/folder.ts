import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

/** A folder of this test alone, removed with what is in it when the test ends. */
export function temporaryFolder(t: ExecutionContext, name: string): string {
	const path = mkdtempSync(join(tmpdir(), `tradingsafety-${name}-`));
	t.teardown(() => rmSync(path, { recursive: true, force: true }));
	return path;
}
