import { messageOf } from "../error.ts";
import { canonical } from "../format/canonical.ts";
import { hashLength, sha256 } from "../format/hash.ts";
import { logVerifier, signedFirstBy } from "../format/keys.ts";
import { linesOf } from "../format/line.ts";
import { openNote, parseNote } from "../format/note.ts";
import { tilePath, tilesBetween, tileWidth } from "../format/tiles.ts";
import { type Manifest, parseManifest } from "../log/manifest.ts";
import { type BundleParts, bundleLines } from "../log/round.ts";
import type { Reading } from "../store/store.ts";
import type { FindingCode } from "./finding.ts";
import type { Trust } from "./trust.ts";

/** Compares the bundles of a round with what they must be. */
export function checkBundles(
	bytes: Buffer,
	{ trust, ...parts }: Omit<BundleParts, "logId"> & { readonly trust: Trust },
	tell: (code: FindingCode, index: number | undefined, message: string) => void,
): void {
	// Which key the log had then its checkpoint says.
	const logId = signedFirstBy(parseNote(parts.checkpoint), trust.origin, trust.logKeys);
	if (logId === undefined) return;
	const wanted = bundleLines({ ...parts, logId });
	let found: readonly string[];
	try {
		found = linesOf(bytes).map((line) => `${line}\n`);
	} catch (error) {
		tell("BundleChanged", undefined, messageOf(error));
		return;
	}
	if (found.length !== wanted.length) {
		tell("BundleChanged", undefined, `it holds ${found.length} bundles for ${wanted.length} entries`);
		return;
	}
	const at = wanted.findIndex((line, index) => found[index] !== line);
	if (at < 0) return;
	const isSwapped = wanted.includes(found[at] ?? "");
	tell(
		isSwapped ? "BundlesSwapped" : "BundleChanged",
		parts.first + at,
		isSwapped ? "it is the bundle of another entry" : "it is not the bundle that follows from the entry",
	);
}

/** Checks what a round says it has written. */
export async function checkManifest(
	bytes: Buffer,
	expected: Pick<Manifest, "first" | "size" | "root" | "writers" | "keys">,
	trust: Trust,
	reading: Reading,
	retentionSeconds: number | undefined,
	tell: (code: FindingCode, object: string | undefined, message: string) => void,
): Promise<void> {
	let manifest: Manifest;
	try {
		const note = parseNote(bytes.toString());
		const verifiers = trust.logKeys.map((key) => logVerifier(trust.origin, key));
		if (openNote(note, verifiers).length === 0) throw new Error("no key of this log has signed it");
		manifest = parseManifest(note.text);
	} catch (error) {
		tell("ManifestChanged", undefined, messageOf(error));
		return;
	}
	const { first, size, root, writers, keys } = manifest;
	if (canonical({ first, size, root, writers, keys }) !== canonical(expected)) {
		tell("ManifestChanged", undefined, "it does not say what follows from the entries");
	}
	for (const { key, sha256: digest, bytes: length, retainUntil } of manifest.objects) {
		const found = await reading.get(key);
		// What is missing is told of where it is needed.
		if (found !== undefined && (found.length !== length || sha256(found).toString("hex") !== digest)) {
			tell("ManifestChanged", key, "it is not what the store held when it was written");
		}
		if (retentionSeconds === undefined) continue;
		const left = (Date.parse(retainUntil) - Date.now()) / 1_000;
		if (Number.isNaN(left)) tell("RetentionMissing", key, "the store promised nothing for it");
		else if (left < retentionSeconds) tell("RetentionShort", key, `it is locked until ${retainUntil} only`);
	}
}

/** The hashes of these leaves as the tiles have them; undefined where a tile is missing or has another length. */
export async function leafHashesOf(
	reading: Reading,
	first: number,
	size: number,
): Promise<readonly Buffer[] | undefined> {
	const hashes: Buffer[] = [];
	for (const tile of tilesBetween(first, size)) {
		if (tile.level > 0) continue;
		const bytes = await reading.get(tilePath(tile));
		if (bytes?.length !== tile.width * hashLength) return undefined;
		for (let at = 0; at < tile.width; at += 1) {
			const index = tile.index * tileWidth + at;
			if (index >= first) hashes.push(bytes.subarray(at * hashLength, (at + 1) * hashLength));
		}
	}
	return hashes.length === size - first ? hashes : undefined;
}
