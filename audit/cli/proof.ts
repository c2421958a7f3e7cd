import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AuditError, messageOf } from "../error.ts";
import { spkiOf } from "../format/keys.ts";
import { trustedRoot } from "../format/trusted-root.ts";
import { findingCodes } from "../verify/finding.ts";
import { examineProof } from "./examine-proof.ts";
import { findingText } from "./finding-text.ts";
import { readKey, trailOf, trustOf } from "./inputs.ts";
import type { CliOptions } from "./options.ts";
import { findProof } from "./prove.ts";

/** Verifies one entry and writes what proves it; the result is the exit code. Nothing is written of what is not good. */
export async function prove(
	options: CliOptions,
	index: number,
	say: (text: string) => void,
): Promise<number> {
	const reading = await trailOf(options);
	const trust = trustOf(options);
	const proven = await findProof(reading, index);
	const examined = examineProof(proven, trust);
	switch (examined.kind) {
		case "Bad":
			console.error(`NOT GOOD, nothing was written: ${findingText(examined.finding)}`);
			return findingCodes[examined.finding.code];
		case "Good":
			break;
	}
	const { key, parts } = examined;
	const write = writerTo(options.out);
	const entry = write(`${index}.json`, parts.entry);
	const file = write(`${index}.sigstore.json`, proven.bundle);
	const keys = trust.logKeys.map((one) => ({ key: one, from: "1970-01-01T00:00:00Z" }));
	const root = write("trusted_root.json", JSON.stringify(trustedRoot(trust.origin, keys)));
	const known = options.entryKeys.find((path) => spkiOf(readKey(path)).equals(spkiOf(key)));
	if (known === undefined)
		say("its key is none of those given: an entry before it must have added it, see timeline");
	const pem = known ?? write(`${index}.key.pem`, key.export({ type: "spki", format: "pem" }));
	say(`entry ${index} of ${proven.size} is in ${entry}. Check it without us:`);
	say(`cosign verify-blob --key ${pem} --trusted-root ${root} --bundle ${file} ${entry}`);
	return 0;
}

/** Writes files into a folder, which is made. What it returns gives the path, and throws `USAGE`. */
function writerTo(folder: string): (name: string, bytes: string | Uint8Array) => string {
	return (name, bytes) => {
		const path = join(folder, name);
		try {
			mkdirSync(folder, { recursive: true });
			writeFileSync(path, bytes);
		} catch (cause) {
			throw new AuditError(
				"USAGE",
				`${path} cannot be written, name another folder with --out: ${messageOf(cause)}`,
				{ cause },
			);
		}
		return path;
	};
}
