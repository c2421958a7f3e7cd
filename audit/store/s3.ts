import {
	GetObjectCommand,
	GetObjectRetentionCommand,
	type GetObjectRetentionCommandOutput,
	HeadObjectCommand,
	ListObjectVersionsCommand,
	PutObjectCommand,
	S3Client,
	S3ServiceException,
} from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { AuditError } from "../error.ts";
import { sha256 } from "../format/hash.ts";
import { hasStatus, storeFailure } from "./s3-failure.ts";
import type { Store, Written } from "./store.ts";
import { type ListedVersion, type StoredVersion, versionPages } from "./versions.ts";

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

/** How a version is locked, as the store tells. */
export type Lock = { readonly mode: string | undefined; readonly retainUntil: Date | undefined };

/** Longest time of one call. */
const callMilliseconds = 10_000;
/** What a store may round its dates by. */
const toleranceMilliseconds = 1_000;
/** Room in a page for delete markers and later versions beside the keys that are wanted. */
const otherVersions = 8;
/** What stores give at once. */
const mostInPage = 1_000;

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
			if (!hasStatus(error, 412))
				throw storeFailure(this.#options, `${key} was not written, or nobody knows`, error);
		}
		const held = await this.#counting(key, versionId);
		if (held === undefined) {
			throw new AuditError(
				"STORE",
				`${this.#name(key)} is said to be there and is not: is it deleted, or not written yet?`,
			);
		}
		if (!held.bytes.equals(bytes)) {
			if (versionId !== held.versionId) {
				throw new AuditError("FENCED", `${this.#name(key)} was written by somebody else, with other bytes`);
			}
			throw new AuditError("WORM", `${this.#name(key)} is not what was written a moment ago`);
		}
		const { mode, retainUntil } = await this.lock(key, held.versionId);
		const isOurs = versionId === held.versionId;
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
		return (await this.#counting(key, undefined))?.bytes;
	}

	/** Below delete markers, too: whoever may delete could have a log end early otherwise. */
	async list(
		prefix: string,
		{ after, most = Number.POSITIVE_INFINITY }: { readonly after?: string; readonly most?: number } = {},
	): Promise<readonly string[]> {
		const keys: string[] = [];
		const first = most + otherVersions;
		const limits = { after, most: first < mostInPage ? first : undefined };
		for await (const page of this.#versions(prefix, limits)) {
			for (const { key, isMarker } of page) {
				if (isMarker || key === keys.at(-1) || (after !== undefined && key <= after)) continue;
				keys.push(key);
			}
			if (keys.length >= most) break;
		}
		return keys.slice(0, most);
	}

	/**
	 * What counts under a key: the oldest version, which nobody can have put there later. Some stores let a write through over a
	 * delete marker, so that after one of ours (its version is given) another may count all the same: somebody was first.
	 */
	async #counting(key: string, ours: string | undefined) {
		const [oldest, own] = await Promise.all([
			this.#oldest(key),
			ours === undefined ? undefined : this.#version(key, ours),
		]);
		if (oldest === undefined || oldest === ours) return own;
		return this.#version(key, oldest);
	}

	#version(key: string, versionId: string) {
		return this.#try(`${key} was not read`, async () => {
			const answer = await this.client.send(
				new GetObjectCommand({ ...this.#at(key), VersionId: versionId, ChecksumMode: "ENABLED" }),
			);
			return { bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []), versionId };
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
		for await (const page of this.#versions(prefix)) {
			for (const { key, versionId, isMarker } of page) {
				const known = found.get(key);
				if (known === undefined) found.set(key, [{ versionId, isMarker }]);
				else known.push({ versionId, isMarker });
			}
		}
		return found;
	}

	async #oldest(key: string): Promise<string | undefined> {
		let oldest: string | undefined;
		for await (const page of this.#versions(key)) {
			// The newest comes first; of other keys with this prefix, which come after it, nothing is wanted.
			oldest = page.findLast((one) => one.key === key && !one.isMarker)?.versionId ?? oldest;
			if (page.some((one) => one.key !== key)) break;
		}
		return oldest;
	}

	#versions(
		prefix: string,
		limits?: { readonly after: string | undefined; readonly most: number | undefined },
	): AsyncGenerator<readonly ListedVersion[]> {
		const ask = (query: object) =>
			this.#try(`versions below ${prefix} were not listed`, () =>
				this.client.send(new ListObjectVersionsCommand({ Bucket: this.#options.bucket, ...query })),
			);
		return versionPages(ask, prefix, limits);
	}

	async #try<T>(failure: string, act: () => Promise<T>): Promise<T> {
		try {
			return await act();
		} catch (error) {
			throw storeFailure(this.#options, failure, error);
		}
	}

	#at(key: string) {
		return { Bucket: this.#options.bucket, Key: key };
	}

	#name(key: string): string {
		return `s3://${this.#options.bucket}/${key}`;
	}
}

/** How stores say that an object has none. */
function noRetention(error: unknown): Pick<GetObjectRetentionCommandOutput, "Retention"> {
	if (error instanceof S3ServiceException && (error.$metadata.httpStatusCode ?? 500) < 500) return {};
	throw error;
}
