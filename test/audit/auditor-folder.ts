import type { KeyObject } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import type { MemoryStore } from "../../audit/testing/memory-store.ts";
import { temporaryFolder } from "../support/folder.ts";

// The page for auditors, the blocks of commands in it, and the script that comes with it.
const page = readFileSync(new URL("../../docs/auditor.md", import.meta.url), "utf8");
export const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text);
export const script = fileURLToPath(new URL("../../audit/auditor/check.sh", import.meta.url));

/** A public key in PEM. */
export const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }) as string;

/** A folder as an auditor has it, with a trail and the keys that are trusted. */
export function auditorFolder(
	t: ExecutionContext,
	store: MemoryStore,
	keys: { readonly entries: readonly KeyObject[]; readonly log: KeyObject },
) {
	const folder = temporaryFolder(t, "auditor");
	const write = (name: string, bytes: Buffer | string) => {
		mkdirSync(dirname(join(folder, name)), { recursive: true });
		writeFileSync(join(folder, name), bytes);
	};
	for (const [key, bytes] of store.objects) write(`trail/${key}`, bytes);
	write("entry-keys.pem", keys.entries.map(pem).join(""));
	write("log-keys.pem", pem(keys.log));
	return { folder, write, read: (name: string) => readFileSync(join(folder, name), "utf8") };
}
