import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { hashLength, leafHash, nodeHashes, sha256 } from "../../audit/format/hash.ts";
import { decodeLeaves } from "../../audit/format/leaves.ts";
import { decodeLine, linesOf } from "../../audit/format/line.ts";
import { folders } from "../../audit/layout.ts";

// The bare loop that `verify` is held against: see audit-verify-host.ts.

const { paths, what } = workerData as {
	readonly paths: readonly string[];
	readonly what: "hashes" | "pieces" | "signatures";
};
let good = 0;
if (what === "hashes") {
	for (const path of paths) good += sha256(readFileSync(path)).length;
} else if (what === "pieces") {
	for (const path of paths) good += hashPieces(path, readFileSync(path));
} else {
	let [spelled, key] = [Buffer.alloc(0), createPublicKeyOf(undefined)];
	for (const path of paths) {
		for (const line of linesOf(readFileSync(path))) {
			const { entry, signature, key: der } = decodeLine(line);
			if (key === undefined || !spelled.equals(der))
				[spelled, key] = [Buffer.from(der), createPublicKeyOf(der)];
			if (key !== undefined && verify("sha256", entry, key, signature)) good += 1;
		}
	}
}
parentPort?.postMessage(good);

/** Each hash that a log of these bytes consists of, and no other: of entries, leaves, nodes and bundles. */
function hashPieces(path: string, bytes: Buffer): number {
	if (path.includes(`/${folders.bundle}`)) return sha256(bytes).length;
	if (path.includes(`/${folders.batch}`)) {
		return linesOf(bytes).reduce((sum, line) => sum + sha256(line.subarray(0, line.indexOf("\t"))).length, 0);
	}
	if (path.includes(`/${folders.tile}entries/`)) {
		return decodeLeaves(bytes).reduce((sum, leaf) => sum + leafHash(leaf).length, 0);
	}
	if (!path.includes(`/${folders.tile}0/`)) return 0;
	let hashes = bytes;
	while (hashes.length % (2 * hashLength) === 0) hashes = nodeHashes(hashes);
	return bytes.length;
}

function createPublicKeyOf(der: Uint8Array | undefined) {
	return der && createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
}
