import { createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { AuditError, messageOf } from "../error.ts";
import { witnessVerifier } from "../format/cosignature.ts";
import { assertP256, noteKinds, parseVerifierKey, rawEd25519 } from "../format/keys.ts";
import { folders } from "../layout.ts";
import { initialKeys } from "../log/key-ring.ts";
import { FolderStore } from "../store/folder.ts";
import { S3Store } from "../store/s3.ts";
import type { Reading } from "../store/store.ts";
import type { Trust } from "../verify/trust.ts";
import type { CliOptions } from "./options.ts";

/** The bucket that is named. Throws `USAGE`. */
export function bucketOf({ bucket }: CliOptions, retentionSeconds: number): S3Store {
	if (bucket === undefined) throw new AuditError("USAGE", "which bucket? give --bucket");
	const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
	const given = [accessKeyId, secretAccessKey].filter((one) => one !== undefined && one !== "");
	if (given.length === 1) {
		throw new AuditError(
			"USAGE",
			"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: one of them is missing",
		);
	}
	const { name, endpoint, region } = bucket;
	return new S3Store({
		...{ bucket: name, region, retentionSeconds },
		...(endpoint !== undefined && { endpoint }),
		...(accessKeyId !== undefined &&
			secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
	});
}

/** The trail that is named. Throws `USAGE` where there is none. */
export async function trailOf(options: CliOptions): Promise<Reading> {
	const { trail } = options;
	if (options.bucket !== undefined) return bucketOf(options, 0);
	if (trail === undefined)
		throw new AuditError("USAGE", "where is the trail? give --trail DIR or --bucket NAME");
	if (!isFolder(trail)) throw new AuditError("USAGE", `${trail} is no folder`);
	const reading = new FolderStore(trail);
	const [first] = await reading.list(folders.batch, { most: 1 });
	const [last] = await reading.list(folders.checkpoint, { most: 1 });
	if (first === undefined && last === undefined) {
		throw new AuditError(
			"USAGE",
			`${trail} holds no trail: no ${folders.batch} and no ${folders.checkpoint} in it`,
		);
	}
	return reading;
}

function isFolder(path: string): boolean {
	try {
		return statSync(path).isDirectory();
	} catch {
		// Not there, not for this account, or below a file.
		return false;
	}
}

/** What is trusted. Throws `USAGE` and `KEY`. */
export function trustOf({ origin, logKeys, entryKeys, witnesses, requireWitnesses }: CliOptions): Trust {
	if (origin === undefined) throw new AuditError("USAGE", "which log is it? give --origin");
	if (logKeys.length === 0) throw new AuditError("USAGE", "who signs its checkpoints? give --log-key");
	if (entryKeys.length === 0) throw new AuditError("USAGE", "who signs its first entries? give --entry-key");
	return {
		origin,
		logKeys: logKeys.map((path) => readKey(path, rawEd25519)),
		keys: initialKeys(entryKeys.map((path) => readKey(path, assertP256))),
		witnesses: witnesses.map((text) => {
			const { name, kind, key } = parseVerifierKey(text);
			if (kind !== noteKinds.cosignature) throw new AuditError("KEY", `${text} is no key of a witness`);
			return witnessVerifier(name, key);
		}),
		requireWitnesses,
	};
}

/** A file that was named. Throws `USAGE`. */
export function readNamed(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (cause) {
		throw new AuditError("USAGE", `${path} cannot be read: ${messageOf(cause)}`, { cause });
	}
}

/** A public key in a PEM file, for entries or as checked otherwise. Throws `USAGE` and `KEY`. */
export function readKey(path: string, check: (key: KeyObject) => unknown = assertP256): KeyObject {
	const text = readNamed(path);
	try {
		const key = createPublicKey(text);
		check(key);
		return key;
	} catch (cause) {
		throw new AuditError("KEY", `${path} is not the public key that is needed (PEM): ${messageOf(cause)}`, {
			cause,
		});
	}
}
