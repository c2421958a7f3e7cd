import type { ListObjectVersionsCommandInput, ListObjectVersionsCommandOutput } from "@aws-sdk/client-s3";
import { AuditError } from "../error.ts";

/** One version of an object, or a marker that hides those before it. */
export type StoredVersion = { readonly versionId: string; readonly isMarker: boolean };

/** One in a listing. */
export type ListedVersion = StoredVersion & { readonly key: string };

/** What is asked for, beside the bucket. */
export type VersionsQuery = Omit<ListObjectVersionsCommandInput, "Bucket">;

/**
 * All that a store holds of objects with this prefix, page by page, by key and the newest first, markers behind versions. From
 * `after` on: some stores leave that key out and some do not. `most`: of the first page, at least two. Throws `STORE`.
 */
export async function* versionPages(
	ask: (query: VersionsQuery) => Promise<ListObjectVersionsCommandOutput>,
	prefix: string,
	{ after, most }: { readonly after?: string | undefined; readonly most?: number | undefined } = {},
): AsyncGenerator<readonly ListedVersion[]> {
	let query: VersionsQuery = {
		Prefix: prefix,
		...(after !== undefined && { KeyMarker: after }),
		...(most !== undefined && { MaxKeys: Math.max(2, most) }),
	};
	let before: ReadonlySet<string> = new Set();
	for (;;) {
		const { Versions = [], DeleteMarkers = [], ...answer } = await ask(query);
		const page = [
			...Versions.map((one) => listed(one, false)),
			...DeleteMarkers.map((one) => listed(one, true)),
		];
		// Some stores begin a page with the version that the one before it ended with.
		const isNew = page.filter((one) => !before.has(nameOf(one)));
		yield isNew;
		if (answer.IsTruncated !== true) return;
		const { NextKeyMarker, NextVersionIdMarker } = answer;
		if (NextKeyMarker === undefined || isNew.length === 0) {
			throw new AuditError("STORE", `the store says that there is more below ${prefix}, and not where`);
		}
		before = new Set(page.map(nameOf));
		query = {
			...{ Prefix: prefix, KeyMarker: NextKeyMarker },
			...(NextVersionIdMarker !== undefined && { VersionIdMarker: NextVersionIdMarker }),
		};
	}
}

function listed(
	{
		Key = "",
		VersionId = "",
	}: { readonly Key?: string | undefined; readonly VersionId?: string | undefined },
	isMarker: boolean,
): ListedVersion {
	return { key: Key, versionId: VersionId, isMarker };
}

const nameOf = ({ key, versionId }: ListedVersion) => `${key}\n${versionId}`;
