import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { sha256 } from "../../audit/format/hash.ts";
import { decodeLine, linesOf } from "../../audit/format/line.ts";

// The bare loop that `verify` is held against: see audit-verify-host.ts.

const { paths, what } = workerData as {
	readonly paths: readonly string[];
	readonly what: "hashes" | "signatures";
};
let good = 0;
if (what === "hashes") {
	for (const path of paths) good += sha256(readFileSync(path)).length;
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

function createPublicKeyOf(der: Uint8Array | undefined) {
	return der && createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
}
