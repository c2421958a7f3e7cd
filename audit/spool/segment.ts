import { isAuditError } from "../error.ts";
import type { Signed } from "../format/leaf.ts";
import { decodeRecord } from "../format/line.ts";

/** One file of a spool, by its name: `EPOCH.ORDINAL.FIRST.log`. */
export type SegmentName = {
	/** One life of a spool. */
	readonly epoch: string;
	/** Later files have higher ones. */
	readonly ordinal: number;
	/** Counter of its first record. */
	readonly first: number;
};

/** What is in a file. */
export type Scan = {
	readonly records: readonly Signed[];
	/** Up to where all is well: bytes. */
	readonly length: number;
	/** A last record that was not written to its end. It was never promised to anybody. */
	readonly torn?: Buffer;
	/** True where a record is damaged that has its end: it may have been promised. */
	readonly isDamaged: boolean;
};

const newline = 0x0a;

/** The name of its file. */
export function segmentFile({ epoch, ordinal, first }: SegmentName): string {
	return `${epoch}.${String(ordinal).padStart(6, "0")}.${String(first).padStart(12, "0")}.log`;
}

/** Reads a name; undefined for other files. */
export function parseSegmentFile(name: string): SegmentName | undefined {
	const [, epoch = "", ordinal, first] = /^([0-9A-Za-z-]+)\.(\d{6})\.(\d{12})\.log$/.exec(name) ?? [];
	return epoch === "" ? undefined : { epoch, ordinal: Number(ordinal), first: Number(first) };
}

/** Reads a file up to the first record that is not whole. */
export function scan(content: Buffer): Scan {
	const records: Signed[] = [];
	let at = 0;
	while (at < content.length) {
		const end = content.indexOf(newline, at);
		const record = end < 0 ? undefined : readRecord(content.subarray(at, end));
		if (record === undefined) {
			const isTorn = end < 0;
			return { records, length: at, isDamaged: !isTorn, ...(isTorn && { torn: content.subarray(at) }) };
		}
		records.push(record);
		at = end + 1;
	}
	return { records, length: at, isDamaged: false };
}

function readRecord(bytes: Buffer): Signed | undefined {
	try {
		return decodeRecord(bytes);
	} catch (error) {
		if (!isAuditError(error, "FORMAT")) throw error;
		return undefined;
	}
}
