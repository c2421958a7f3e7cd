import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { folders } from "../../audit/layout.ts";
import { initialKeys } from "../../audit/log/key-ring.ts";
import { FolderStore } from "../../audit/store/folder.ts";
import type { Level } from "../../audit/verify/report.ts";
import { verify } from "../../audit/verify/verify.ts";
import { origin } from "../audit/entries.ts";

// node audit-verify-host.ts FOLDER verify|bare|pieces hashes|signatures: does it once, and prints how long that took and the most
// memory that the process had. The bare loops read the same files on as many threads and do nothing else: one hashes each whole, or
// checks the signature of each entry; the one of pieces makes the hashes that the tree and the bundles consist of.

const [folder = "", who = "", level = ""] = process.argv.slice(2);
if (level !== "hashes" && level !== "signatures") throw new Error(`no level: ${level}`);
const startedAt = performance.now();
const done = who === "verify" ? await verified(level) : await bare(who === "pieces" ? who : level);
const milliseconds = performance.now() - startedAt;
const { user, system } = process.cpuUsage();
const processorSeconds = (user + system) / 1e6;
console.log(
	JSON.stringify({ milliseconds, processorSeconds, done, megabytes: process.resourceUsage().maxRSS / 1_000 }),
);

async function verified(what: Level): Promise<number> {
	const key = (name: string) => createPublicKey(readFileSync(join(folder, name)));
	const trust = { origin, logKeys: [key("log.pem")], keys: initialKeys([key("entry.pem")]) };
	const { findings, size } = await verify(new FolderStore(folder), trust, { level: what });
	if (findings.length > 0) throw new Error(`${findings.length} findings: ${JSON.stringify(findings[0])}`);
	return size;
}

async function bare(what: Level | "pieces"): Promise<number> {
	const store = new FolderStore(folder);
	const prefixes = what === "signatures" ? [folders.batch] : Object.values(folders);
	const keys = (await Promise.all(prefixes.map((prefix) => store.list(prefix)))).flat();
	const threads = availableParallelism();
	const counts = Array.from({ length: threads }, (_, own) => {
		const paths = keys.filter((_, at) => at % threads === own).map((name) => join(folder, name));
		const worker = new Worker(new URL("audit-bare-thread.ts", import.meta.url), {
			workerData: { paths, what },
		});
		return new Promise<number>((resolve, reject) => worker.once("message", resolve).once("error", reject));
	});
	return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}
