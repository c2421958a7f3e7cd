import { AuditError } from "../error.ts";
import { hashLength, writeSha256 } from "./hash.ts";

/** What fits into the two bytes of its length. */
export const mostLeafBytes = 0xffff;

// Leaves below a tile, each with its length before it (C2SP tlog-tiles, "log entries").

/** The object. */
export function encodeLeaves(leaves: readonly Uint8Array[]): Buffer {
	return Buffer.concat(
		leaves.flatMap((leaf) => {
			if (leaf.length > mostLeafBytes) throw new AuditError("FORMAT", `a leaf of ${leaf.length} bytes`);
			return [Buffer.of(leaf.length >> 8, leaf.length & 0xff), leaf];
		}),
	);
}

/** Leaves that are ASCII, as they are in the object, and their hashes, one after the other. */
export type LeafBytes = {
	readonly bytes: Buffer;
	/** Where each begins; then the length of all. */
	readonly begins: readonly number[];
	readonly hashes: Buffer;
};

/** Bytes and hashes of so many leaves that are ASCII, made at one go: that takes half the time of one by one. Throws `FORMAT`. */
export function leafBytes(count: number, textOf: (at: number) => string): LeafBytes {
	let texts = "";
	const begins = [0];
	for (let at = 0; at < count; at += 1) {
		const text = textOf(at);
		if (text.length > mostLeafBytes) throw new AuditError("FORMAT", `a leaf of ${text.length} bytes`);
		texts += `\0\0${text}`;
		begins.push(texts.length);
	}
	const bytes = Buffer.from(texts, "latin1");
	const hashes = Buffer.allocUnsafe(count * hashLength);
	for (let at = 0; at < count; at += 1) {
		const [begin = 0, end] = [begins[at], begins[at + 1] ?? 0];
		// The zero before the leaf, which its hash begins with, becomes part of its length after that.
		writeSha256(bytes.subarray(begin + 1, end), hashes, at * hashLength);
		bytes.writeUInt16BE(end - begin - 2, begin);
	}
	return { bytes, begins, hashes };
}

/** Reads it. Throws `FORMAT`. */
export function decodeLeaves(bytes: Buffer): readonly Buffer[] {
	const leaves: Buffer[] = [];
	for (let at = 0; at < bytes.length; ) {
		const end = at + 2 + (at + 2 <= bytes.length ? bytes.readUInt16BE(at) : 0);
		if (at + 2 > bytes.length || end > bytes.length)
			throw new AuditError("FORMAT", "the last leaf is cut off");
		leaves.push(bytes.subarray(at + 2, end));
		at = end;
	}
	return leaves;
}
