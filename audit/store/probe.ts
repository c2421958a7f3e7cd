import { randomUUID } from "node:crypto";
import {
	DeleteObjectCommand,
	DeleteObjectsCommand,
	GetObjectCommand,
	GetObjectRetentionCommand,
	PutBucketVersioningCommand,
	PutObjectCommand,
	PutObjectRetentionCommand,
	S3ServiceException,
} from "@aws-sdk/client-s3";
import { isAuditError, messageOf } from "../error.ts";
import type { S3Store } from "./s3.ts";

/** What one try has shown. */
export type Probe = {
	readonly what: string;
	/** True where a record must not be kept in a store that fails it. */
	readonly isRequired: boolean;
	readonly passed: boolean;
	readonly why?: string;
};

/**
 * Tries whether a bucket keeps what it is given, with the rights of whoever asks, who is to have every right for this. It
 * leaves some small objects below `doctor/`, locked for as long as the store is set up to.
 */
export async function probe(store: S3Store, bucket: string): Promise<readonly Probe[]> {
	const { client } = store;
	const key = `doctor/${randomUUID()}`;
	const answers: Probe[] = [];
	const note = (what: string, isRequired: boolean, why: string | undefined) =>
		answers.push({ what, isRequired, passed: why === undefined, ...(why !== undefined && { why }) });
	const refuses = (what: string, isRequired: boolean, act: () => Promise<unknown>) =>
		act().then(
			() => note(what, isRequired, "it was allowed"),
			(error: unknown) => note(what, isRequired, isRefusal(error) ? undefined : messageOf(error)),
		);
	let versionId: string;
	try {
		versionId = (await store.put(key, Buffer.from("first"))).versionId;
		note(
			"an object with a COMPLIANCE retention of its own is written and read back with it",
			true,
			undefined,
		);
	} catch (error) {
		note(
			"an object with a COMPLIANCE retention of its own is written and read back with it",
			true,
			messageOf(error),
		);
		return answers;
	}
	const at = { Bucket: bucket, Key: key, VersionId: versionId };
	await store.put(key, Buffer.from("second")).then(
		() => note("a second write of the same key with If-None-Match is refused", true, "it was allowed"),
		(error: unknown) =>
			note(
				"a second write of the same key with If-None-Match is refused",
				true,
				isAuditError(error, "FENCED") ? undefined : messageOf(error),
			),
	);
	const race = `${key}-race`;
	const outcomes = await Promise.allSettled(
		Array.from({ length: 8 }, (_, one) => store.put(race, Buffer.from(`${one}`))),
	);
	const winners = outcomes.filter(({ status }) => status === "fulfilled").length;
	note(
		"of eight that write the same key at once one has it",
		true,
		winners === 1 ? undefined : `${winners} have it`,
	);
	await refuses("deleting the version is refused", true, () => client.send(new DeleteObjectCommand(at)));
	await refuses("deleting it with the right to bypass governance is refused", true, () =>
		client.send(new DeleteObjectCommand({ ...at, BypassGovernanceRetention: true })),
	);
	const retention = (Mode: "COMPLIANCE" | "GOVERNANCE", milliseconds: number) =>
		client.send(
			new PutObjectRetentionCommand({
				...at,
				BypassGovernanceRetention: true,
				Retention: { Mode, RetainUntilDate: new Date(Date.now() + milliseconds) },
			}),
		);
	await refuses("shortening the retention is refused", true, () => retention("COMPLIANCE", 2_000));
	await refuses("weakening it to GOVERNANCE is refused", true, () => retention("GOVERNANCE", 3_600_000));
	await refuses("suspending versions is refused", false, () =>
		client.send(
			new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Suspended" } }),
		),
	);
	// Whether these are let through differs between stores: what counts is what is left after them.
	await Promise.allSettled([
		client.send(
			new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: [{ Key: key, VersionId: versionId }] } }),
		),
	]);
	await Promise.allSettled([client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: "third" }))]);
	await Promise.allSettled([client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))]);
	const left = await client.send(new GetObjectCommand(at)).then(
		async ({ Body }) => (await Body?.transformToString()) ?? "",
		(error: unknown) => messageOf(error),
	);
	note(
		"after all that, and a later version and a delete marker over it, it is as it was",
		true,
		left === "first" ? undefined : left,
	);
	const shown = await client.send(new GetObjectRetentionCommand(at)).then(
		({ Retention }) => (Retention?.Mode === "COMPLIANCE" ? undefined : "the store does not tell"),
		(error: unknown) => messageOf(error),
	);
	note("its retention can be asked for", false, shown);
	// A marker over nothing does as well.
	await Promise.allSettled([store.put(`${key}-marker`, Buffer.from("a"))]);
	await Promise.allSettled([client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${key}-marker` }))]);
	await refuses("If-None-Match is refused over a delete marker too (Amazon's allows it)", false, () =>
		client.send(new PutObjectCommand({ Bucket: bucket, Key: `${key}-marker`, Body: "b", IfNoneMatch: "*" })),
	);
	return answers;
}

/** A store that said no: one that cannot be reached, or that fails, has refused nothing. */
function isRefusal(error: unknown): boolean {
	const { httpStatusCode = 0 } = error instanceof S3ServiceException ? error.$metadata : {};
	return httpStatusCode >= 400 && httpStatusCode < 500;
}
