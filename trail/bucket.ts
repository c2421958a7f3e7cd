import { randomUUID } from "node:crypto";
import { DeleteObjectCommand, S3ServiceException } from "@aws-sdk/client-s3";
import { isAuditError, messageOf } from "../audit/error.ts";
import { logVerifier } from "../audit/format/keys.ts";
import { openNote, parseNote } from "../audit/format/note.ts";
import { folders, manifestPath, numberOf } from "../audit/layout.ts";
import type { KeyRing } from "../audit/log/key-ring.ts";
import { parseManifest } from "../audit/log/manifest.ts";
import type { SequencerOptions } from "../audit/log/sequencer.ts";
import { S3Store } from "../audit/store/s3.ts";
import { lastNumbered, type Store } from "../audit/store/store.ts";
import { TrailError } from "./error.ts";
import type { TrailOptions } from "./options.ts";

/** What is tried out is locked no longer than this. */
const probeSeconds = 60;
/** An error of these says something about whoever asks, and asking again does not help. */
const hopeless = [400, 401, 403, 404, 405, 409, 501];

/** The bucket, with objects locked for so long. */
export function openBucket({ bucket }: Pick<TrailOptions, "bucket">, retentionSeconds: number): S3Store {
	const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
	return new S3Store({
		...{ bucket: bucket.name, region: bucket.region, retentionSeconds },
		...(bucket.endpoint !== undefined && { endpoint: bucket.endpoint }),
		...(accessKeyId !== undefined &&
			secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
	});
}

/**
 * Tries what every round stands on: an object is kept under the COMPLIANCE retention that it was written with, a second write
 * of its key is refused, and so is its deletion. Leaves one small object for a minute. Throws `BUCKET` naming what is wrong
 * and the remedy, and `STORE` where nobody knows, because it does not answer.
 */
export async function probeBucket(options: Pick<TrailOptions, "bucket">): Promise<void> {
	const store = openBucket(options, probeSeconds);
	const Bucket = options.bucket.name;
	const Key = `doctor/${randomUUID()}`;
	const refuse = (why: string) =>
		new TrailError("BUCKET", `bucket ${Bucket}: ${why}; see npm run audit -- doctor`);
	try {
		const { versionId } = await store.put(Key, Buffer.from("first"));
		const second = await store.put(Key, Buffer.from("second")).then(
			() => undefined,
			(error: unknown) => error,
		);
		if (second === undefined) throw refuse("a second write with If-None-Match was not refused");
		if (!isAuditError(second, "FENCED")) throw second;
		const deleted = await store.client
			.send(new DeleteObjectCommand({ Bucket, Key, VersionId: versionId }))
			.then(
				() => true,
				(error: unknown) => {
					if (statusOf(error) === undefined || (statusOf(error) ?? 500) >= 500) throw error;
					return false;
				},
			);
		if (deleted) throw refuse("what is locked can be deleted");
	} catch (error) {
		throw told(error, Bucket);
	} finally {
		store.close();
	}
}

/**
 * The keys of entries that the log in this store knows: those it was begun with, which must be the given ones, and those
 * that entries have added or revoked. Throws `BUCKET` where the log was begun with other keys, or is signed by another one.
 */
export async function knownKeys(store: Store, options: SequencerOptions): Promise<KeyRing> {
	const { origin, signer, otherSigners = [], keys } = options;
	const verifiers = [signer, ...otherSigners].map(({ publicKey }) => logVerifier(origin, publicKey));
	const size = await lastNumbered(store, folders.manifest, numberOf);
	if (size === undefined) return keys;
	const note = parseNote((await store.get(manifestPath(size)))?.toString() ?? "");
	if (openNote(note, verifiers).length === 0) {
		throw new TrailError(
			"BUCKET",
			`${manifestPath(size)} is not signed by --log-key as ${origin}: is it another log, or another key? While a key follows another give the one before as --other-log-key`,
		);
	}
	const known = parseManifest(note.text).keys;
	const first = Object.keys(known).filter((hint) => known[hint]?.from === 0);
	const strangers = Object.keys(keys).filter((hint) => !first.includes(hint));
	const missing = first.filter((hint) => !Object.hasOwn(keys, hint));
	if (strangers.length === 0 && missing.length === 0) return known;
	const words = [
		...strangers.map((hint) => `${hint} is given and was not one of them`),
		...missing.map((hint) => `${hint} was one of them and is not given`),
	];
	throw new TrailError(
		"BUCKET",
		`this log was begun with other keys of entries: ${words.join(", ")} (SHA-256 of the key). Give as --entry-key exactly those that it was begun with, and later ones as --add-key`,
	);
}

function statusOf(error: unknown): number | undefined {
	const service =
		error instanceof S3ServiceException ? error : error instanceof Error ? error.cause : undefined;
	return service instanceof S3ServiceException ? service.$metadata.httpStatusCode : undefined;
}

function told(error: unknown, bucket: string): TrailError {
	if (error instanceof TrailError) return error;
	const isHopeless = isAuditError(error, "WORM") || hopeless.includes(statusOf(error) ?? 0);
	const named = error instanceof Error && error.message.includes(bucket) ? "" : `bucket ${bucket}: `;
	return new TrailError(isHopeless ? "BUCKET" : "STORE", `${named}${messageOf(error)}`, { cause: error });
}
