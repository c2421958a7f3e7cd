import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AuditError, messageOf } from "../error.ts";
import { folders } from "../layout.ts";
import type { Reading } from "../store/store.ts";
import { endingRounds } from "../verify/ending.ts";
import { keysOf } from "../verify/sizes.ts";
import { type Choice, choose, sizeOf } from "./choice.ts";
import { plain } from "./plain.ts";

/** How {@link fetchTrail} goes about it. */
export type FetchOptions = {
	/** How long a round that was under way may take to end: milliseconds. */
	readonly settleMilliseconds: number;
	/** Told, a line each, of what is not fetched, and now and then how far it is. */
	readonly tell: (text: string) => void;
};

/** What {@link fetchTrail} has done. */
export type Fetched = {
	readonly objects: number;
	/** Of rounds that ended meanwhile: left out. */
	readonly later: number;
	/** Keys that are none of a trail: left out. */
	readonly refused: number;
};

/** Fetches a trail into a folder: the rounds that had ended before. Throws `STORE`, `MISSING`, `USAGE`. */
export async function fetchTrail(reading: Reading, folder: string, options: FetchOptions): Promise<Fetched> {
	const { tell, settleMilliseconds } = options;
	const { wanted, later, refused } = await choice(reading, settleMilliseconds);
	for (const key of refused) tell(`${plain(JSON.stringify(key))} is no key of a trail: it is not fetched`);
	for (const [at, key] of wanted.entries()) {
		const bytes = await reading.get(key);
		if (bytes === undefined) throw new AuditError("MISSING", `${key} was listed and is not there`);
		writeNew(folder, key, bytes);
		if ((at + 1) % 500 === 0) tell(`... ${at + 1} of ${wanted.length} objects`);
	}
	return { objects: wanted.length, later: later.length, refused: refused.length };
}

async function choice(reading: Reading, settleMilliseconds: number): Promise<Choice> {
	const before = sizeOf(await reading.list(folders.manifest));
	const listed = await keysOf(reading);
	const manifests = await reading.list(folders.manifest);
	await endingRounds(reading, [...new Set([...listed, ...manifests])], settleMilliseconds);
	return choose(listed, { before, meanwhile: sizeOf(await reading.list(folders.manifest)) });
}

/** What is in the folder already stays: it may be of another trail. Throws `USAGE`. */
function writeNew(folder: string, key: string, bytes: Buffer): void {
	const path = join(folder, key);
	try {
		mkdirSync(join(path, ".."), { recursive: true });
		writeFileSync(path, bytes, { flag: "wx" });
	} catch (cause) {
		const isThere =
			(cause as NodeJS.ErrnoException).code === "EEXIST" &&
			statSync(path, { throwIfNoEntry: false })?.isFile();
		if (!isThere) throw new AuditError("USAGE", `${path} cannot be written: ${messageOf(cause)}`, { cause });
		if (readFileSync(path).equals(bytes)) return;
		throw new AuditError("USAGE", `${path} is there already with other bytes: name another folder`, {
			cause,
		});
	}
}
