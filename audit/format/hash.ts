import { hash } from "node:crypto";

/** Bytes of a SHA-256 hash. */
export const hashLength = 32;

/** SHA-256. */
export function sha256(bytes: Uint8Array | string): Buffer {
	// By way of a string of bytes: three times as fast as when Node.js makes the buffer.
	return Buffer.from(hash("sha256", bytes, "binary"), "latin1");
}

/** Writes the SHA-256 of `bytes` to this place: of the millions of small ones in a log none becomes a buffer of its own. */
export function writeSha256(bytes: Uint8Array, to: Buffer, at: number): void {
	to.write(hash("sha256", bytes, "binary"), at, "latin1");
}

/** SHA-256 in base64, or in hex. */
export function sha256Text(bytes: Uint8Array, encoding: "base64" | "hex"): string {
	return hash("sha256", bytes, encoding);
}

/** Hash of a leaf (RFC 9162, section 2.1.1), bytes or ASCII: the leading byte keeps leaves and nodes apart. */
export function leafHash(leaf: Uint8Array | string): Buffer {
	if (typeof leaf === "string") return sha256(`\0${leaf}`);
	const bytes = Buffer.allocUnsafe(leaf.length + 1);
	bytes[0] = 0;
	bytes.set(leaf, 1);
	return sha256(bytes);
}

/** Hash of a node over two subtrees (RFC 9162, section 2.1.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
	const bytes = Buffer.allocUnsafe(1 + 2 * hashLength);
	bytes[0] = 1;
	bytes.set(left, 1);
	bytes.set(right, 1 + hashLength);
	return sha256(bytes);
}

/** The hashes of the nodes over each two of these hashes, all of which lie one after the other. */
export function nodeHashes(hashes: Buffer): Buffer {
	const nodes = Buffer.allocUnsafe(hashes.length / 2);
	const node = Buffer.allocUnsafe(1 + 2 * hashLength);
	node[0] = 1;
	for (let at = 0; at < nodes.length; at += hashLength) {
		hashes.copy(node, 1, 2 * at, 2 * (at + hashLength));
		writeSha256(node, nodes, at);
	}
	return nodes;
}

/** Root of the tree without leaves. */
export const emptyRoot: Buffer = sha256("");

/** The hashes that lie one after the other. */
export function hashesIn(bytes: Buffer): readonly Buffer[] {
	return Array.from({ length: bytes.length / hashLength }, (_, at) =>
		bytes.subarray(at * hashLength, (at + 1) * hashLength),
	);
}
