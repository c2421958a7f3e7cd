import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { entryClock } from "../clock.ts";
import { AuditError, messageOf } from "../error.ts";
import { keyHint } from "../format/keys.ts";
import { handOverTo } from "../hand-over.ts";
import { type Asking, keyAdded, keyRevoked, type OfferedKey, offerKey, parseOffer } from "../key-entries.ts";
import { mostInRound } from "../log/outcome.ts";
import { type Happening, Recorder } from "../recorder.ts";
import { newKey, type Signer, signerAt } from "../signer.ts";
import { Spool } from "../spool/spool.ts";
import { readKey, readNamed } from "./inputs.ts";
import type { CliOptions } from "./options.ts";

type Say = (text: string) => void;

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
	const index = await write(options, happening);
	say(`entry ${index}: key ${happening.entity.id} signs from entry ${index + 1} on`);
	return 0;
}

/** Writes the entry that revokes a key, named by its public key. */
export async function revokeKey(options: CliOptions, file: string, say: Say): Promise<number> {
	const hint = keyHint(readKey(file));
	const index = await write(options, keyRevoked(hint, asking(options), options.fromIndex));
	say(`entry ${index}: key ${hint} signs nothing from entry ${options.fromIndex ?? index + 1} on`);
	return 0;
}

/**
 * Brings one entry into the log, by way of a spool that is gone afterwards. Where nobody knows what became of it the spool stays,
 * and the next call hands the same entry over again.
 */
async function write(options: CliOptions, happening: Happening): Promise<number> {
	const log = needed(options.origin, "for which log? give --origin");
	const parent = needed(options.spool, "where is it kept until the log has it? give --spool DIR");
	const url = needed(options.recordTo, "who keeps the trail? give --record-to URL");
	const key = needed(options.signer, "which key of the log signs it? give --signer");
	// Never the spool of somebody else, whose folder is not to go away.
	const dir = join(parent, "key-entry");
	const { handOver, close } = handOverTo({ url });
	try {
		const { outcome, isLeft } = await withSigner(key, async (signer) => {
			const spool = await Spool.open(dir);
			try {
				const left = spool.length > 0;
				const writer = `keys-${hostname().slice(0, 200)}-${spool.epoch}`;
				const recorder = new Recorder({ spool, signer, log, writer, clock: entryClock() });
				if (!left) await recorder.record(happening);
				const outcomes = await handOver((await spool.oldest(mostInRound)).map(({ signed }) => signed));
				return { outcome: outcomes[0], isLeft: left };
			} finally {
				await spool.close();
			}
		});
		rmSync(dir, { recursive: true });
		if (outcome?.kind === "Appended" && !isLeft) return outcome.index;
		if (outcome?.kind === "Refused")
			throw new AuditError("ENTRY", `the log ${log} refuses it: ${outcome.why}`);
		const which = outcome?.kind === "Appended" ? `entry ${outcome.index}` : "in the log";
		throw new AuditError(
			"SPOOL",
			`${dir} held what an earlier call had written, which is ${which} now: look at the timeline, then call again if it is not what you asked for`,
		);
	} finally {
		close();
	}
}

async function withSigner<T>(key: string, act: (signer: Signer) => Promise<T>): Promise<T> {
	const signer = await signerAt(key);
	try {
		return await act(signer);
	} finally {
		await signer.close();
	}
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

function needed(value: string | undefined, ask: string): string {
	if (value === undefined) throw new AuditError("USAGE", `${ask} (tradingsafety-audit --help)`);
	return value;
}
