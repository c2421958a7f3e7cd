import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Signed } from "../format/leaf.ts";
import type { SpoolFiles } from "./files.ts";
import { parseSegmentFile, type SegmentName, scan, segmentFile } from "./segment.ts";

/** What was found wrong when a spool was opened, for an entry about it. */
export type Damage =
	/** The last record was not whole: it was cut off. Nobody was promised it. */
	| { readonly kind: "Torn"; readonly file: string; readonly bytes: Buffer }
	/** A whole record is damaged. The file is kept; what follows the damage is not sent. */
	| { readonly kind: "Damaged"; readonly file: string; readonly epoch: string; readonly counter: number };

/** A signed entry and its place in the spool. */
export type Spooled = { readonly epoch: string; readonly counter: number; readonly signed: Signed };

/** A file of the spool. */
export type Segment = SegmentName & {
	readonly path: string;
	/** Bytes that are whole. */
	size: number;
	/** When it was last written to: milliseconds since 1970. */
	writtenAt: number;
	/** Counters of its entries that are not known to be in the log: from one up to and without another. */
	from: number;
	end: number;
	/** These entries, where they are in memory. */
	records: Spooled[] | undefined;
};

/** The entries of a file that wait. */
export function waitingIn({ epoch, first, from, end }: Segment, records: readonly Signed[]): Spooled[] {
	return records
		.map((signed, index) => ({ epoch, counter: first + index, signed }))
		.filter(({ counter }) => counter >= from && counter < end);
}

/** What an opened spool begins with. */
export type Recovered = {
	/** The new one. */
	readonly epoch: string;
	readonly segments: Segment[];
	readonly damages: readonly Damage[];
	/** By epoch: the counter of the first entry that is not known to be in the log. */
	readonly done: Record<string, number>;
	/** The last entry that is there. */
	readonly newest: Signed | undefined;
	/** The epoch of the last file, and how many entries it has as far as the folder tells. */
	readonly before: { readonly epoch: string; readonly entries: number } | undefined;
	/** Of the last file; -1 where there is none. */
	readonly ordinal: number;
};

/** By epoch, how far entries are in the log. */
export const doneFile = "done.json";

/** A name for an epoch, which comes after the others of its folder, whatever the clock says, and which no other folder has. */
function newEpoch(latest: string): string {
	const before = Date.parse(latest.slice(0, 24).replace(/T(..)-(..)-(..)-/, "T$1:$2:$3."));
	const at = new Date(Number.isNaN(before) ? Date.now() : Math.max(Date.now(), before + 1));
	return `${at.toISOString().replace(/[:.]/g, "-")}-${randomBytes(3).toString("hex")}`;
}

/** What is in a folder, which has these names in it. */
export async function recover(dir: string, files: SpoolFiles, names: readonly string[]): Promise<Recovered> {
	const done = names.includes(doneFile) ? readDone((await files.read(join(dir, doneFile))).toString()) : {};
	const found = names.flatMap((name) => parseSegmentFile(name) ?? []);
	const damages: Damage[] = [];
	const segments: Segment[] = [];
	const broken = new Set<string>();
	let latest = Object.keys(done).sort().at(-1) ?? "";
	let before: Recovered["before"];
	let newest: Signed | undefined;
	for (const [at, name] of found.entries()) {
		const path = join(dir, segmentFile(name));
		const { records, length, torn, isDamaged } = scan(await files.read(path));
		const counter = name.first + records.length;
		if (torn !== undefined) {
			damages.push({ kind: "Torn", file: path, bytes: torn });
			await files.cut(path, length);
		}
		if (isDamaged) damages.push({ kind: "Damaged", file: path, epoch: name.epoch, counter });
		// What a later file begins with takes the place of what one that failed may hold.
		const follower = found.slice(at + 1).find(({ epoch }) => epoch === name.epoch);
		const known = Math.min(counter, follower?.first ?? Number.POSITIVE_INFINITY);
		const end = broken.has(name.epoch) ? name.first : known;
		const from = Math.min(end, Math.max(name.first, done[name.epoch] ?? 0));
		const writtenAt = await files.changedAt(path);
		segments.push({ ...name, path, size: length, writtenAt, from, end, records: undefined });
		// Nothing that follows a gap can be in the log.
		if (isDamaged || (follower !== undefined && counter < follower.first)) broken.add(name.epoch);
		if (name.epoch > latest) latest = name.epoch;
		before = { epoch: name.epoch, entries: counter };
		newest = records.at(-1) ?? newest;
	}
	return {
		segments,
		damages,
		done,
		newest,
		before,
		epoch: newEpoch(latest),
		ordinal: found.at(-1)?.ordinal ?? -1,
	};
}

function readDone(text: string): Record<string, number> {
	try {
		const value: unknown = JSON.parse(text);
		if (typeof value === "object" && value !== null) return value as Record<string, number>;
	} catch {
		// What is in the log is handed over once more, which does no harm.
	}
	return {};
}
