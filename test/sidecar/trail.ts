import { createPrivateKey } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { ExecutionContext } from "ava";
import { decodeEntry, type Entry } from "../../audit/entry.ts";
import { handOverPath, readHandedOver, writeOutcomes } from "../../audit/hand-over.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { Leader } from "../../audit/log/leader.ts";
import { keySigner, newKey } from "../../audit/signer.ts";
import { MemoryStore } from "../../audit/testing/memory-store.ts";
import { verify } from "../../audit/verify/verify.ts";
import { temporaryFolder } from "../support/folder.ts";

const origin = "record.test";

/** A process that takes entries, with a store in memory. */
export async function startTrail(t: ExecutionContext) {
	const pem = newKey("Entries");
	const signer = keySigner(createPrivateKey(newKey("Checkpoints")));
	const store = new MemoryStore();
	const keys = initialKeys([keySigner(createPrivateKey(pem)).publicKey]);
	const problems: unknown[] = [];
	const leader = new Leader({ store, origin, signer, keys, onFailed: (error) => problems.push(error) });
	const hanging = new Set<ServerResponse>();
	let hangs = false;
	let calls = 0;
	const server = createServer(async (request, response) => {
		calls += 1;
		const body = await buffer(request);
		if (hangs) return hanging.add(response);
		const outcomes = request.url === handOverPath ? await leader.append(readHandedOver(body)) : [];
		return response.end(writeOutcomes(outcomes));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.teardown(async () => {
		server.closeAllConnections();
		server.close();
		await leader.stop();
	});
	const folder = temporaryFolder(t, "record");
	const [spool, key] = [join(folder, "spool"), join(folder, "entries.pem")];
	writeFileSync(key, pem, { mode: 0o600 });
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const trust = { origin, logKeys: [signer.publicKey], keys, witnesses: [] };
	return {
		...{ spool, key, pem },
		/** What a sidecar is called with. */
		args: ["--record-spool", spool, "--record-key", key, "--record-log", origin, "--record-to", url],
		calls: () => calls,
		/** Entries on the disk of the sidecar, whole ones alone. */
		spooled: (): readonly Entry[] =>
			(existsSync(spool) ? readdirSync(spool) : [])
				.filter((name) => name.endsWith(".log"))
				.sort()
				.flatMap((name) => readFileSync(join(spool, name), "utf8").split("\n").slice(0, -1))
				.map((line) => decodeEntry(Buffer.from(line.split("\t")[1] ?? ""))),
		/** Takes connections from now on and never answers. */
		hang: () => {
			hangs = true;
		},
		/** Answers again; calls under way are cut off. */
		recover: () => {
			hangs = false;
			for (const response of hanging) response.destroy();
			hanging.clear();
		},
		/** All entries in the store, in their order, once the whole trail is found to be good. */
		entries: async (): Promise<readonly Entry[]> => {
			const found: Entry[] = [];
			const { findings } = await verify(store, trust, { onEntry: (entry) => found.push(entry) });
			if (findings.length > 0 || problems.length > 0) {
				throw new Error(`the trail is not good: ${JSON.stringify(findings)} ${problems.join("; ")}`);
			}
			return found;
		},
	};
}
