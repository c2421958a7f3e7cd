import { readFileSync, statSync } from "node:fs";
import { readPublicKey, readPublicKeys } from "../../permits/keys.ts";
import type { KnownKeys } from "../../permits/signature.ts";
import { BotError } from "./error.ts";

/** Keys as they are written, `whpk_...`, several of a kind while they are exchanged. */
export type KeyTexts = { readonly permit: readonly string[]; readonly raise: readonly string[] };

/** Always these keys. Throws PermitError `KEY`. */
export function fixedKeys({ permit, raise }: KeyTexts): () => KnownKeys {
	const keys = { permit: permit.map(readPublicKey), raise: raise.map(readPublicKey) };
	return () => keys;
}

/**
 * The keys of a file, `{"permit":[...],"raise":[...]}`, which is read again when it has changed. What cannot be read then
 * leaves the keys as they were. Throws `USAGE` when it cannot be read the first time.
 */
export function keysOfFile(file: string): () => KnownKeys {
	let known: { readonly stamp: string; readonly keys: () => KnownKeys };
	try {
		known = { stamp: stampOf(file), keys: readKeys(file) };
	} catch (cause) {
		throw new BotError("USAGE", `--keys ${file}: ${String(cause)}`, { cause });
	}
	return () => {
		try {
			const stamp = stampOf(file);
			if (stamp !== known.stamp) known = { stamp, keys: readKeys(file) };
		} catch {
			// Half a file, or none: whoever writes it is not done.
		}
		return known.keys();
	};
}

function readKeys(file: string): () => KnownKeys {
	const keys = readPublicKeys(readFileSync(file, "utf8"));
	return () => keys;
}

function stampOf(file: string): string {
	const { mtimeMs, size, ino } = statSync(file);
	return `${mtimeMs} ${size} ${ino}`;
}
