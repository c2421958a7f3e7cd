import { AuditError } from "../error.ts";
import { decodeLeaves } from "../format/leaves.ts";
import { leavesPath, tileWidth } from "../format/tiles.ts";
import type { Reading } from "../store/store.ts";

/** The leaves below the last tile of a tree of this size, if that is not full. Throws `MISSING`, `FORMAT`. */
export async function readTail(store: Reading, size: number): Promise<readonly Buffer[]> {
	const width = size % tileWidth;
	if (width === 0) return [];
	const key = leavesPath({ index: Math.floor(size / tileWidth), width });
	const bytes = await store.get(key);
	if (bytes === undefined) throw new AuditError("MISSING", `${key} is not in the store`);
	const leaves = decodeLeaves(bytes);
	if (leaves.length !== width) throw new AuditError("FORMAT", `${key} holds ${leaves.length} leaves`);
	return leaves;
}
