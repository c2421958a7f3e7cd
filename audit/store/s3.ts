import {
	GetObjectCommand,
	GetObjectRetentionCommand,
	type GetObjectRetentionCommandOutput,
	HeadObjectCommand,
	ListObjectsV2Command,
	ListObjectVersionsCommand,
	PutObjectCommand,
	S3Client,
	S3ServiceException,
} from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { AuditError, messageOf } from "../error.ts";
import { sha256 } from "../format/hash.ts";
import type { Store, Written } from "./store.ts";

/** How to reach a bucket. */
export type S3Options = {
	readonly bucket: string;
	readonly region: string;
	/** Of a store that is not Amazon's. */
	readonly endpoint?: string;
	readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
	/** How long nobody may delete what is written: seconds. */
	readonly retentionSeconds: number;
	/** The longest that one call may take: milliseconds. */
	readonly callMilliseconds?: number;
};

/** One version of an object, or a marker that hides those before it. */
export type StoredVersion = { readonly versionId: string; readonly isMarker: boolean };

/** How a version is locked, as the store tells. */
export type Lock = { readonly mode: string | undefined; readonly retainUntil: Date | undefined };

/** Longest time of one call. */
const callMilliseconds = 10_000;
/** What a store may round its dates by. */
const toleranceMilliseconds = 1_000;

/**
 * A bucket with Object Lock. Each object is written with `If-None-Match: *`, its SHA-256 and a COMPLIANCE retention of its own
 * (what a bucket does by default some stores forget), then read back with its lock.
 */
export class S3Store implements Store {
	readonly client: S3Client;
	readonly #options: S3Options;

	constructor(options: S3Options) {
		this.#options = options;
		const limit = options.callMilliseconds ?? callMilliseconds;
		this.client = new S3Client({
			region: options.region,
			...(options.endpoint !== undefined && { endpoint: options.endpoint, forcePathStyle: true }),
			...(options.credentials !== undefined && { credentials: options.credentials }),
			// Whoever calls knows whether to ask again.
			maxAttempts: 1,
			requestHandler: new NodeHttpHandler({
				connectionTimeout: limit,
				requestTimeout: limit,
				throwOnRequestTimeout: true,
			}),
		});
	}

	/** Closes its connections. */
	close(): void {
		this.client.destroy();
	}

	async put(key: string, bytes: Buffer): Promise<Written> {
		const digest = sha256(bytes);
		const until = new Date(Date.now() + this.#options.retentionSeconds * 1_000);
		let versionId: string | undefined;
		try {
			const answer = await this.client.send(
				new PutObjectCommand({
					...this.#at(key),
					Body: bytes,
					ContentLength: bytes.length,
					IfNoneMatch: "*",
					ChecksumSHA256: digest.toString("base64"),
					ObjectLockMode: "COMPLIANCE",
					ObjectLockRetainUntilDate: until,
				}),
			);
			versionId = answer.VersionId;
		} catch (error) {
			if (!hasStatus(error, 412)) throw this.#failure(`${key} was not written, or nobody knows`, error);
		}
		// Without a version of ours somebody was first: ourselves, when an answer was lost, or another leader.
		const held = await this.#held(key, versionId);
		if (held === undefined) {
			throw new AuditError(
				"STORE",
				`${this.#name(key)} is said to be there and is not: is it deleted, or not written yet?`,
			);
		}
		if (!held.bytes.equals(bytes)) {
			if (versionId === undefined) {
				throw new AuditError("FENCED", `${this.#name(key)} was written by somebody else, with other bytes`);
			}
			throw new AuditError("WORM", `${this.#name(key)} is not what was written a moment ago`);
		}
		const { mode, retainUntil } = await this.lock(key, held.versionId);
		const isOurs = versionId !== undefined;
		const isLocked =
			mode === "COMPLIANCE" &&
			retainUntil !== undefined &&
			(!isOurs || retainUntil.getTime() >= until.getTime() - toleranceMilliseconds);
		if (!isLocked) {
			throw new AuditError(
				"WORM",
				`${this.#name(key)} is not locked until ${until.toISOString()}: the store answers ${mode ?? "no mode"}, ${retainUntil?.toISOString() ?? "no date"}; it needs Object Lock, see doctor`,
			);
		}
		return {
			...{ key, versionId: held.versionId, sha256: digest.toString("hex"), bytes: bytes.length },
			retainUntil: retainUntil.toISOString(),
		};
	}

	async get(key: string): Promise<Buffer | undefined> {
		return (await this.#held(key, undefined))?.bytes;
	}

	async list(
		prefix: string,
		{ after, most }: { readonly after?: string; readonly most?: number } = {},
	): Promise<readonly string[]> {
		const keys: string[] = [];
		let token: string | undefined;
		do {
			const answer = await this.#try(`keys below ${prefix} were not listed`, () =>
				this.client.send(
					new ListObjectsV2Command({
						Bucket: this.#options.bucket,
						Prefix: prefix,
						...(after !== undefined && { StartAfter: after }),
						...(most !== undefined && { MaxKeys: most - keys.length }),
						...(token !== undefined && { ContinuationToken: token }),
					}),
				),
			);
			for (const { Key } of answer.Contents ?? []) if (Key !== undefined) keys.push(Key);
			token = answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
		} while (token !== undefined && (most === undefined || keys.length < most));
		return keys;
	}

	/** An object: that version, or the oldest one, which nobody can have put there later. */
	async #held(key: string, versionId: string | undefined) {
		const version = versionId ?? (await this.#oldest(key));
		if (version === undefined) return undefined;
		return this.#try(`${key} was not read`, async () => {
			const answer = await this.client.send(
				new GetObjectCommand({ ...this.#at(key), VersionId: version, ChecksumMode: "ENABLED" }),
			);
			return {
				bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []),
				versionId: version,
			};
		});
	}

	/** How a version is locked. Not every store says so where it gives the bytes. */
	lock(key: string, versionId: string): Promise<Lock> {
		return this.#try(`the lock of ${key} was not read`, async () => {
			const at = { ...this.#at(key), VersionId: versionId };
			const head = await this.client.send(new HeadObjectCommand(at));
			if (head.ObjectLockMode !== undefined) {
				return { mode: head.ObjectLockMode, retainUntil: head.ObjectLockRetainUntilDate };
			}
			// Of a version that another one hides some stores tell only when they are asked for this alone.
			const { Retention } = await this.client.send(new GetObjectRetentionCommand(at)).catch(noRetention);
			return { mode: Retention?.Mode, retainUntil: Retention?.RetainUntilDate };
		});
	}

	/** What the store holds of each object with this prefix: its versions and delete markers, the newest first. */
	async versions(prefix: string): Promise<ReadonlyMap<string, readonly StoredVersion[]>> {
		const found = new Map<string, StoredVersion[]>();
		let marker: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } | undefined = {};
		while (marker !== undefined) {
			const from: object = marker;
			const answer = await this.#try(`versions below ${prefix} were not listed`, () =>
				this.client.send(
					new ListObjectVersionsCommand({ Bucket: this.#options.bucket, Prefix: prefix, ...from }),
				),
			);
			for (const [isMarker, all] of [
				[false, answer.Versions ?? []],
				[true, answer.DeleteMarkers ?? []],
			] as const) {
				for (const { Key = "", VersionId = "" } of all) {
					found.set(Key, [...(found.get(Key) ?? []), { versionId: VersionId, isMarker }]);
				}
			}
			marker =
				answer.IsTruncated === true
					? {
							...(answer.NextKeyMarker !== undefined && { KeyMarker: answer.NextKeyMarker }),
							...(answer.NextVersionIdMarker !== undefined && {
								VersionIdMarker: answer.NextVersionIdMarker,
							}),
						}
					: undefined;
		}
		return found;
	}

	async #oldest(key: string): Promise<string | undefined> {
		let oldest: string | undefined;
		let marker: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } | undefined;
		do {
			const answer = await this.#try(`versions of ${key} were not listed`, () =>
				this.client.send(
					new ListObjectVersionsCommand({ Bucket: this.#options.bucket, Prefix: key, ...marker }),
				),
			);
			// The newest comes first; of other keys with this prefix nothing is wanted.
			oldest = answer.Versions?.findLast(({ Key }) => Key === key)?.VersionId ?? oldest;
			const goesOn = answer.IsTruncated === true && answer.NextKeyMarker === key;
			marker = goesOn
				? {
						KeyMarker: key,
						...(answer.NextVersionIdMarker !== undefined && { VersionIdMarker: answer.NextVersionIdMarker }),
					}
				: undefined;
		} while (marker !== undefined);
		return oldest;
	}

	async #try<T>(failure: string, act: () => Promise<T>): Promise<T> {
		try {
			return await act();
		} catch (error) {
			throw this.#failure(failure, error);
		}
	}

	#at(key: string) {
		return { Bucket: this.#options.bucket, Key: key };
	}

	#name(key: string): string {
		return `s3://${this.#options.bucket}/${key}`;
	}

	/** One clear line for what people get wrong. */
	#failure(what: string, cause: unknown): AuditError {
		const { bucket, endpoint = "s3" } = this.#options;
		const remedy = remedyOf(cause);
		return new AuditError(
			"STORE",
			`${endpoint}, bucket ${bucket}: ${what}: ${messageOf(cause) || String(cause)}${remedy === undefined ? "" : ` (${remedy})`}`,
			{ cause },
		);
	}
}

/** How stores say that an object has none. */
function noRetention(error: unknown): Pick<GetObjectRetentionCommandOutput, "Retention"> {
	if (error instanceof S3ServiceException && (error.$metadata.httpStatusCode ?? 500) < 500) return {};
	throw error;
}

function hasStatus(error: unknown, status: number): boolean {
	return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}

function remedyOf(error: unknown): string | undefined {
	if (!(error instanceof S3ServiceException)) {
		const { name, code } = error as NodeJS.ErrnoException;
		if (name === "CredentialsProviderError") return "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
		const isAway = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ETIMEDOUT"].includes(
			code ?? "",
		);
		return isAway ? "does the store run there, and can it be reached from here?" : undefined;
	}
	switch (error.name) {
		case "NoSuchBucket":
		case "InvalidBucketName":
			return "is there such a bucket, made with Object Lock?";
		case "InvalidRequest":
			return "is there such a bucket, and was it made with Object Lock? Only a new one can be";
		default:
			// Of an unknown user versitygw says that it is not found.
			return hasStatus(error, 401) ||
				hasStatus(error, 403) ||
				/UserNotFound|InvalidAccessKey/.test(error.name)
				? "are these the right credentials, and may they do this?"
				: undefined;
	}
}
