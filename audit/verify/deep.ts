import { folders } from "../layout.ts";
import type { S3Store } from "../store/s3.ts";
import type { Finding } from "./finding.ts";

const atOnce = 8;

/**
 * What only the store itself can tell: was anything deleted or written over, as far as it lets somebody, and is all of it
 * locked, for at least so long from now on (seconds)? One call for each object.
 */
export async function inspect(
	store: Pick<S3Store, "versions" | "lock">,
	retentionSeconds: number,
	onProgress: (done: number) => void = () => {},
): Promise<readonly Finding[]> {
	const findings: Finding[] = [];
	let done = 0;
	for (const prefix of Object.values(folders)) {
		const objects = [...(await store.versions(prefix))];
		for (let at = 0; at < objects.length; at += atOnce) {
			const some = objects.slice(at, at + atOnce);
			const found = await Promise.all(
				some.map(([object, versions]) => look(store, object, versions, retentionSeconds)),
			);
			findings.push(...found.flat());
			done += some.length;
			onProgress(done);
		}
	}
	return findings;
}

async function look(
	store: Pick<S3Store, "lock">,
	object: string,
	versions: readonly { readonly versionId: string; readonly isMarker: boolean }[],
	retentionSeconds: number,
): Promise<readonly Finding[]> {
	const findings: Finding[] = [];
	if (versions.some(({ isMarker }) => isMarker)) {
		findings.push({
			code: "DeleteMarker",
			object,
			message: "somebody deleted it; what was there still is, below the marker",
		});
	}
	const written = versions.filter(({ isMarker }) => !isMarker);
	if (written.length > 1) {
		findings.push({
			code: "SecondVersion",
			object,
			message: `it was written ${written.length} times; the first one counts`,
		});
	}
	const oldest = written.at(-1);
	if (oldest === undefined) return findings;
	const { mode, retainUntil } = await store.lock(object, oldest.versionId);
	if (mode !== "COMPLIANCE" || retainUntil === undefined) {
		findings.push({
			code: "RetentionMissing",
			object,
			message: `the store says ${mode ?? "nothing"} of its lock`,
		});
	} else if (retainUntil.getTime() < Date.now() + retentionSeconds * 1_000) {
		findings.push({
			code: "RetentionShort",
			object,
			message: `it is locked until ${retainUntil.toISOString()} only`,
		});
	}
	return findings;
}
