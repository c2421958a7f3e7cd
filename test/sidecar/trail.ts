import { createPrivateKey } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { decodeEntry, type Entry } from "../../audit/entry.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { keySigner, newKey } from "../../audit/signer.ts";
import { verify } from "../../audit/verify/verify.ts";
import { temporaryFolder } from "../support/folder.ts";
import { TestTrail } from "../support/trail.ts";

const origin = "record.test";

/** A process that takes entries, with a store in memory. */
export async function startTrail(t: ExecutionContext) {
	const pem = newKey("Entries");
	const signer = keySigner(createPrivateKey(newKey("Checkpoints")));
	const keys = initialKeys([keySigner(createPrivateKey(pem)).publicKey]);
	const trail = await TestTrail.start(t, { origin, signer, keys });
	const folder = temporaryFolder(t, "record");
	const [spool, key] = [join(folder, "spool"), join(folder, "entries.pem")];
	writeFileSync(key, pem, { mode: 0o600 });
	const trust = { origin, logKeys: [signer.publicKey], keys, witnesses: [] };
	return {
		...{ spool, key, pem },
		/** What a sidecar is called with. */
		args: ["--record-spool", spool, "--record-key", key, "--record-log", origin, "--record-to", trail.url],
		calls: () => trail.calls,
		/** Entries on the disk of the sidecar, whole ones alone. */
		spooled: (): readonly Entry[] =>
			(existsSync(spool) ? readdirSync(spool) : [])
				.filter((name) => name.endsWith(".log"))
				.sort()
				.flatMap((name) => readFileSync(join(spool, name), "utf8").split("\n").slice(0, -1))
				.map((line) => decodeEntry(Buffer.from(line.split("\t")[1] ?? ""))),
		/** Takes connections from now on and never answers. */
		hang: () => {
			trail.mood = "Hangs";
		},
		/** Answers again; calls under way are cut off. */
		recover: () => {
			trail.mood = "Takes";
			trail.cut();
		},
		/** All entries in the store, in their order, once the whole trail is found to be good. */
		entries: async (): Promise<readonly Entry[]> => {
			const found: Entry[] = [];
			const { findings } = await verify(trail.store, trust, { onEntry: (entry) => found.push(entry) });
			if (findings.length > 0 || trail.problems.length > 0) {
				throw new Error(`the trail is not good: ${JSON.stringify(findings)} ${trail.problems.join("; ")}`);
			}
			return found;
		},
	};
}
