import { crc32 } from "node:zlib";
import { AuditError } from "../error.ts";
import type { Signed } from "./leaf.ts";

// A signed entry as one line of text: the entry, a tab, its signature, a tab, its key. Canonical JSON holds neither tabs nor ends
// of lines, so that `cut -f1` gives exactly the bytes that were signed.

const tab = 0x09;
const newline = 0x0a;

/** The line, with its end. */
export function encodeLine({ entry, signature, key }: Signed): Buffer {
	const rest = `\t${base64(signature)}\t${base64(key)}\n`;
	return Buffer.concat([entry, Buffer.from(rest)]);
}

/** The parts of a line as they are spelled: signature and key in base64. */
export type LineParts = { readonly entry: Buffer; readonly signature: string; readonly key: string };

/** Takes a line without its end apart, such as {@link linesOf} gives. Throws `FORMAT`. */
export function splitLine(line: Buffer): LineParts {
	const first = line.indexOf(tab);
	const second = line.indexOf(tab, first + 1);
	if (first <= 0 || second < 0) {
		throw new AuditError("FORMAT", "this is no line of a batch: it needs an entry, a signature and a key");
	}
	return {
		entry: line.subarray(0, first),
		signature: line.toString("latin1", first + 1, second),
		key: line.toString("latin1", second + 1),
	};
}

/** Reads a line without its end. Throws `FORMAT`. */
export function decodeLine(line: Buffer): Signed {
	const { entry, signature, key } = splitLine(line);
	return { entry, signature: exactBase64(signature), key: exactBase64(key) };
}

/** The lines of a text, each without its end. Throws `FORMAT` where the last one has none. */
export function linesOf(text: Buffer): readonly Buffer[] {
	const lines: Buffer[] = [];
	for (let at = 0; at < text.length; ) {
		const end = text.indexOf(newline, at);
		if (end < 0) throw new AuditError("FORMAT", "the last line does not end");
		lines.push(text.subarray(at, end));
		at = end + 1;
	}
	return lines;
}

/** The line with a checksum before it, as spools keep it. */
export function encodeRecord(signed: Signed): Buffer {
	const line = encodeLine(signed);
	return Buffer.concat([Buffer.from(`${checksum(line.subarray(0, -1))}\t`), line]);
}

/** Reads a record without its end. Throws `FORMAT`, also where the checksum is that of other bytes. */
export function decodeRecord(record: Buffer): Signed {
	const line = record.subarray(9);
	if (record[8] !== tab || record.subarray(0, 8).toString("latin1") !== checksum(line)) {
		throw new AuditError("FORMAT", "the checksum of a record is wrong");
	}
	return decodeLine(line);
}

function checksum(line: Buffer): string {
	return crc32(line).toString(16).padStart(8, "0");
}

function base64(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Reads base64. It has several spellings of the same bytes: one is taken. Throws `FORMAT`. */
export function exactBase64(spelled: string): Buffer {
	const bytes = Buffer.from(spelled, "base64");
	if (bytes.length === 0 || bytes.toString("base64") !== spelled) {
		throw new AuditError("FORMAT", "this is no base64");
	}
	return bytes;
}
