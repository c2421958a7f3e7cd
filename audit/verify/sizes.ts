import { batchPath, checkpointPath, folders, manifestPath } from "../layout.ts";
import type { Reading } from "../store/store.ts";
import { endingRounds, linesIn } from "./ending.ts";
import { numbersIn } from "./keys-in.ts";
import { headIn } from "./objects.ts";
import { openCheckpointOf, type Trust } from "./trust.ts";

/** All keys of a trail. */
export async function keysOf(reading: Reading): Promise<readonly string[]> {
	const { batch, ...others } = folders;
	const lists = await Promise.all(Object.values(others).map((prefix) => reading.list(prefix)));
	// Written first and listed last: whatever else was there, its batch is among them.
	return [...lists.flat(), ...(await reading.list(batch))];
}

/**
 * The sizes that the log had after each of its rounds, in order. A name alone makes none, or whoever puts an object there could have
 * it said that the log contradicts itself: a batch begins or ends there, or the log has signed it.
 */
export async function sizesOf(
	reading: Reading,
	trust: Trust,
	keys: readonly string[],
	settleMilliseconds: number,
): Promise<readonly number[]> {
	const ending = await endingRounds(reading, keys, settleMilliseconds);
	const firsts = numbersIn(keys, folders.batch);
	const known = new Set([...ending, ...firsts]);
	const named = [...numbersIn(keys, folders.checkpoint), ...numbersIn(keys, folders.manifest)];
	const sizes = new Set(ending);
	let last: Promise<number | undefined> | undefined;
	const isLast = async (size: number) => {
		last ??= endOf(reading, firsts.at(-1));
		return (await last) === size;
	};
	for (const size of new Set(named)) {
		const isEnd = known.has(size) || (await isSigned(reading, trust, size)) || (await isLast(size));
		if (isEnd) sizes.add(size);
	}
	return [...sizes].sort((a, b) => a - b);
}

async function isSigned(reading: Reading, trust: Trust, size: number): Promise<boolean> {
	const note = await reading.get(checkpointPath(size));
	if (note !== undefined && openCheckpointOf(size, note.toString(), trust).kind === "Good") return true;
	return headIn(await reading.get(manifestPath(size)), size, trust) !== undefined;
}

/** Where the batch that begins there ends. */
async function endOf(reading: Reading, first: number | undefined): Promise<number | undefined> {
	const batch = first === undefined ? undefined : await reading.get(batchPath(first));
	return first === undefined || batch === undefined ? undefined : first + linesIn(batch);
}
