import { setTimeout as sleep } from "node:timers/promises";
import { batchPath, folders, manifestPath } from "../layout.ts";
import type { Reading } from "../store/store.ts";
import { numbersIn } from "./keys-in.ts";

const lookMilliseconds = 200;
const newline = 0x0a;

/**
 * The sizes that the log has after the rounds that had begun and not ended when these keys were listed, batches last. None where the
 * last of them has not ended after so many milliseconds: then somebody has cut it off.
 */
export async function endingRounds(
	reading: Reading,
	keys: readonly string[],
	milliseconds: number,
): Promise<readonly number[]> {
	const ended = numbersIn(keys, folders.manifest).at(-1) ?? 0;
	const begun = numbersIn(keys, folders.batch).filter((first) => first >= ended);
	const last = begun.at(-1);
	if (last === undefined) return [];
	const until = performance.now() + milliseconds;
	const batch = await reading.get(batchPath(last));
	if (batch === undefined) return [];
	const size = last + linesIn(batch);
	while ((await reading.get(manifestPath(size))) === undefined) {
		if (performance.now() > until) return [];
		await sleep(lookMilliseconds);
	}
	// Each begins where the one before it ends.
	return [...begun.slice(1), size];
}

/** Entries in a batch. */
export function linesIn(batch: Buffer): number {
	return batch.reduce((count, byte) => (byte === newline ? count + 1 : count), 0);
}
