import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Run } from "./manifests.ts";

/** Where a demo keeps tokens and logs on this machine. Its name is random, so it is never there before. */
export function folderOf({ namespace }: Run): string {
	return join(tmpdir(), namespace);
}
