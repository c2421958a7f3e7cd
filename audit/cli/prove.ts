import { AuditError } from "../error.ts";
import type { Signed } from "../format/leaf.ts";
import { decodeLine, linesOf } from "../format/line.ts";
import { batchPath, bundlePath, checkpointPath, folders, numberOf } from "../layout.ts";
import type { Reading } from "../store/store.ts";

/** An entry with what proves it. */
export type ProvenEntry = {
	readonly signed: Signed;
	/** Sigstore bundle, JSON. */
	readonly bundle: string;
	/** The checkpoint that the bundle is over, and its size. */
	readonly checkpoint: string;
	readonly size: number;
};

/** Finds an entry and its proof: three objects are read. Throws `MISSING`. */
export async function findProof(reading: Reading, index: number): Promise<ProvenEntry> {
	const after = checkpointPath(index);
	const [found] = await reading.list(folders.checkpoint, { after, most: 1 });
	const size = found === undefined ? undefined : numberOf(found);
	if (size === undefined) throw new AuditError("MISSING", `there is no entry ${index} in this trail`);
	const first = await firstOf(reading, index);
	const need = async (key: string) => {
		const bytes = await reading.get(key);
		if (bytes === undefined) throw new AuditError("MISSING", `${key} is not in the trail`);
		return bytes;
	};
	const [batch, bundles, checkpoint] = await Promise.all(
		[batchPath(first), bundlePath(first), checkpointPath(size)].map(need),
	);
	const line = linesOf(batch ?? Buffer.alloc(0))[index - first];
	const bundle = linesOf(bundles ?? Buffer.alloc(0))[index - first];
	if (line === undefined || bundle === undefined) {
		throw new AuditError("MISSING", `${batchPath(first)} or its bundles do not reach to entry ${index}`);
	}
	return { signed: decodeLine(line), bundle: bundle.toString(), checkpoint: String(checkpoint), size };
}

/** The first entry of the batch with this one: batches have at most 256 entries. */
async function firstOf(reading: Reading, index: number): Promise<number> {
	const from = Math.max(0, index - 256);
	const after = from === 0 ? folders.batch : batchPath(from - 1);
	const keys = await reading.list(folders.batch, { after, most: 512 });
	const firsts = keys.flatMap((key) => numberOf(key) ?? []).filter((first) => first <= index);
	const first = firsts.at(-1);
	if (first === undefined) throw new AuditError("MISSING", `no batch holds entry ${index}`);
	return first;
}
