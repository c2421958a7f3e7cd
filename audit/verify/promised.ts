import type { Reading } from "../store/store.ts";
import { openManifest } from "./objects.ts";
import type { Trust } from "./trust.ts";

/** What the store said of an object when the log had written it. */
export type Promised = {
	readonly versionId: string;
	/** Milliseconds since 1970; not a number where it promised nothing. */
	readonly until: number;
};

const atOnce = 8;

/** What the store said of each object, by key, as the manifests below these keys tell that the log has signed. */
export async function promisedIn(
	reading: Pick<Reading, "get">,
	manifests: readonly string[],
	trust: Trust,
): Promise<ReadonlyMap<string, Promised>> {
	const promised = new Map<string, Promised>();
	for (let at = 0; at < manifests.length; at += atOnce) {
		const some = manifests.slice(at, at + atOnce);
		const read = await Promise.all(some.map((key) => reading.get(key)));
		for (const bytes of read) {
			for (const { key, versionId, retainUntil } of objectsIn(bytes, trust)) {
				promised.set(key, { versionId, until: Date.parse(retainUntil) });
			}
		}
	}
	return promised;
}

function objectsIn(bytes: Buffer | undefined, trust: Trust) {
	try {
		return bytes === undefined ? [] : openManifest(bytes, trust).objects;
	} catch {
		// What is wrong with it verify tells.
		return [];
	}
}
