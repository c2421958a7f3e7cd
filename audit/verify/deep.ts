import { folders } from "../layout.ts";
import type { S3Store } from "../store/s3.ts";
import type { StoredVersion } from "../store/versions.ts";
import type { Finding, FindingCode } from "./finding.ts";
import { type Promised, promisedIn } from "./promised.ts";
import type { Trust } from "./trust.ts";

type Asked = Pick<S3Store, "get" | "versions" | "lock">;

const atOnce = 8;
/** What a store may round its dates by. */
const toleranceMilliseconds = 1_000;

/**
 * What only the store itself can tell: was anything deleted or written over, as far as it lets somebody, and is all of it
 * locked, for at least so long from now on (seconds), and until when the store promised as the signed manifests tell? One call for
 * each object, and each manifest is read; manifests are in none. It keeps some 200 bytes for each object.
 */
export async function inspect(
	store: Asked,
	trust: Trust,
	retentionSeconds: number,
	onProgress: (done: number) => void = () => {},
): Promise<readonly Finding[]> {
	const findings: Finding[] = [];
	let done = 0;
	const { manifest, ...others } = folders;
	const manifests = await store.versions(manifest);
	const promised = await promisedIn(store, [...manifests.keys()], trust);
	for (const prefix of [...Object.values(others), manifest]) {
		const objects = [...(prefix === manifest ? manifests : await store.versions(prefix))];
		for (let at = 0; at < objects.length; at += atOnce) {
			const some = objects.slice(at, at + atOnce);
			const found = await Promise.all(
				some.map(([object, versions]) =>
					look(store, { object, versions, promised: promised.get(object), retentionSeconds }),
				),
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
	one: {
		readonly object: string;
		readonly versions: readonly StoredVersion[];
		readonly promised: Promised | undefined;
		readonly retentionSeconds: number;
	},
): Promise<readonly Finding[]> {
	const { object, versions, promised, retentionSeconds } = one;
	const findings: Finding[] = [];
	const tell = (code: FindingCode, message: string) => findings.push({ code, object, message });
	if (versions.some(({ isMarker }) => isMarker)) {
		tell("DeleteMarker", "somebody deleted it; what was there still is, below the marker");
	}
	const written = versions.filter(({ isMarker }) => !isMarker);
	const oldest = written.at(-1);
	if (oldest === undefined) return findings;
	if (promised !== undefined && promised.versionId !== oldest.versionId) {
		tell(
			"SecondVersion",
			`the log wrote version ${promised.versionId}, and the first one there is ${oldest.versionId}`,
		);
	} else if (written.length > 1) {
		tell("SecondVersion", `it was written ${written.length} times; the first one counts`);
	}
	const { mode, retainUntil } = await store.lock(object, oldest.versionId);
	if (mode !== "COMPLIANCE" || retainUntil === undefined) {
		tell("RetentionMissing", `the store says ${mode ?? "nothing"} of its lock`);
		return findings;
	}
	const until = retainUntil.getTime();
	if (promised !== undefined && until < promised.until - toleranceMilliseconds) {
		const before = new Date(promised.until).toISOString();
		tell("RetentionShort", `it is locked until ${retainUntil.toISOString()} only, and was until ${before}`);
	} else if (until < Date.now() + retentionSeconds * 1_000) {
		tell("RetentionShort", `it is locked until ${retainUntil.toISOString()} only`);
	}
	return findings;
}
