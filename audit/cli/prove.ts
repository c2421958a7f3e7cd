import { AuditError, messageOf } from "../error.ts";
import { linesOf } from "../format/line.ts";
import { batchPath, bundlePath, checkpointPath, folders, numberOf } from "../layout.ts";
import type { Reading } from "../store/store.ts";

/** An entry with what is said to prove it, as they are there: see examine-proof.ts. */
export type ProvenEntry = {
	readonly index: number;
	/** Of its batch. */
	readonly first: number;
	/** Its line: entry, signature and key. */
	readonly line: Buffer;
	/** Sigstore bundle, JSON. */
	readonly bundle: string;
	/** The checkpoint that the bundle is over, and its size. */
	readonly checkpoint: string;
	readonly size: number;
};

/** Finds an entry and its proof: three objects are read. Throws `MISSING`, `FORMAT`. */
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
	const lines = async (key: string) => {
		const bytes = await need(key);
		try {
			return linesOf(bytes);
		} catch (cause) {
			throw new AuditError("FORMAT", `${key} was changed, see verify: ${messageOf(cause)}`, { cause });
		}
	};
	const [batch, bundles, checkpoint] = await Promise.all([
		lines(batchPath(first)),
		lines(bundlePath(first)),
		need(checkpointPath(size)),
	]);
	const [line, bundle] = [batch[index - first], bundles[index - first]];
	if (line === undefined || bundle === undefined) {
		throw new AuditError(
			"MISSING",
			`${batchPath(first)} or its bundles do not reach to entry ${index}, see verify`,
		);
	}
	return { index, first, line, bundle: bundle.toString(), checkpoint: checkpoint.toString(), size };
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
