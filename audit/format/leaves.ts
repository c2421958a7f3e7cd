import { AuditError } from "../error.ts";

// Leaves below a tile, each with its length before it (C2SP tlog-tiles, "log entries").

/** The object. */
export function encodeLeaves(leaves: readonly Uint8Array[]): Buffer {
	return Buffer.concat(
		leaves.flatMap((leaf) => {
			if (leaf.length > 0xffff) throw new AuditError("FORMAT", `a leaf of ${leaf.length} bytes`);
			return [Buffer.of(leaf.length >> 8, leaf.length & 0xff), leaf];
		}),
	);
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
