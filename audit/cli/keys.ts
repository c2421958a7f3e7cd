import { mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { AuditError, messageOf } from "../error.ts";
import { keyHint } from "../format/keys.ts";
import { type Asking, keyAdded, keyRevoked, type OfferedKey, offerKey, parseOffer } from "../key-entries.ts";
import { newKey } from "../signer.ts";
import { readKey, readNamed } from "./inputs.ts";
import type { CliOptions } from "./options.ts";
import { needed, withSigner, writeEntry } from "./write-entry.ts";

type Say = (text: string) => void;

const spoolName = "key-entry";

/** Makes a key for entries and one for checkpoints in a folder. Throws `KEY` where there are some. */
export function makeKeys(folder: string, say: Say): number {
	try {
		mkdirSync(folder, { recursive: true, mode: 0o700 });
	} catch (cause) {
		throw new AuditError("KEY", `${folder} cannot be a folder, name another one: ${messageOf(cause)}`, {
			cause,
		});
	}
	for (const [name, purpose] of [
		["entries", "Entries"],
		["checkpoints", "Checkpoints"],
	] as const) {
		const path = join(folder, `${name}.pem`);
		try {
			writeFileSync(path, newKey(purpose), { mode: 0o600, flag: "wx" });
		} catch (cause) {
			const remedy =
				(cause as { readonly code?: string }).code === "EEXIST"
					? "name another folder"
					: "may this account write there?";
			throw new AuditError("KEY", `${path} was not written, ${remedy}: ${messageOf(cause)}`, { cause });
		}
		say(`${path}: a new private key; its public one: tradingsafety-audit public ${path}`);
	}
	return 0;
}

/** Prints the public key of a private one, PEM. */
export async function showPublic(key: string, say: Say): Promise<number> {
	return withSigner(key, async ({ publicKey }) => {
		say((publicKey.export({ type: "spki", format: "pem" }) as string).trimEnd());
		return 0;
	});
}

/** Prints what offers the key to a log: whoever has the old key adds it with that. */
export async function offer({ origin, notAfter }: CliOptions, key: string, say: Say): Promise<number> {
	const log = needed(origin, "for which log? give --origin");
	return withSigner(key, async (signer) => {
		const end = notAfter === undefined ? undefined : new Date(notAfter).toISOString();
		say(JSON.stringify(await offerKey(signer, log, end)));
		return 0;
	});
}

/** Writes the entry that adds an offered key. */
export async function addKey(options: CliOptions, file: string, say: Say): Promise<number> {
	const offered = readOffer(file);
	if (offered.log !== needed(options.origin, "for which log? give --origin")) {
		throw new AuditError("KEY", `${file} offers a key to the log ${offered.log}, not to ${options.origin}`);
	}
	const happening = keyAdded(offered, asking(options));
	const index = await writeEntry(options, happening, spoolName);
	say(`entry ${index}: key ${happening.entity.id} signs from entry ${index + 1} on`);
	return 0;
}

/** Writes the entry that revokes a key, named by its public key. */
export async function revokeKey(options: CliOptions, file: string, say: Say): Promise<number> {
	const hint = keyHint(readKey(file));
	const index = await writeEntry(options, keyRevoked(hint, asking(options), options.fromIndex), spoolName);
	say(`entry ${index}: key ${hint} signs nothing from entry ${options.fromIndex ?? index + 1} on`);
	return 0;
}

function asking({ justification }: CliOptions): Asking {
	const why = needed(justification, "why? give --justification TEXT");
	return { actor: { name: userInfo().username, via: "tradingsafety-audit" }, justification: why };
}

function readOffer(path: string): OfferedKey {
	const text = readNamed(path);
	try {
		return parseOffer(text);
	} catch (cause) {
		throw new AuditError("KEY", `${path}: ${messageOf(cause)}`, { cause });
	}
}
