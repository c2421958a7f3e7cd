import { AuditError, messageOf } from "../error.ts";
import { canonical } from "../format/canonical.ts";
import { hashesIn, hashLength } from "../format/hash.ts";
import type { TreeHead } from "../format/merkle.ts";
import { openNote, parseNote } from "../format/note.ts";
import { leavesPath, tilePath, tilesBetween, tileWidth } from "../format/tiles.ts";
import { batchPath, bundlePath, checkpointPath, manifestPath } from "../layout.ts";
import { type Manifest, parseManifest } from "../log/manifest.ts";
import type { Reading } from "../store/store.ts";
import type { Held } from "./examine.ts";
import type { FindingCode } from "./finding.ts";
import { logKeysOf, type Trust } from "./trust.ts";

/** What a manifest must say; at the level of hashes nobody knows of writers and keys. */
export type ExpectedManifest = Pick<Manifest, "first" | "size" | "root"> &
	Partial<Pick<Manifest, "writers" | "keys">>;

/** Reads a manifest that a key of the log has signed. Throws `FORMAT`. */
export function openManifest(bytes: Buffer, trust: Trust): Manifest {
	const note = parseNote(bytes.toString());
	const verifiers = logKeysOf(trust).map(({ verifier }) => verifier);
	if (openNote(note, verifiers).length === 0) {
		throw new AuditError("FORMAT", "no key of this log has signed it");
	}
	const manifest = parseManifest(note.text);
	if (manifest.log !== trust.origin) throw new AuditError("FORMAT", `it is of the log ${manifest.log}`);
	return manifest;
}

/** The tree of this size as its manifest has it, for where no checkpoint tells; undefined where that is none of this log. */
export function headIn(bytes: Buffer | undefined, size: number, trust: Trust): TreeHead | undefined {
	if (bytes === undefined) return undefined;
	try {
		const manifest = openManifest(bytes, trust);
		return manifest.size === size ? { size, root: Buffer.from(manifest.root, "base64") } : undefined;
	} catch {
		// What is wrong with it is told where it is compared.
		return undefined;
	}
}

/** Checks what a round says it has written. `held` tells of objects that are there. */
export async function checkManifest(
	bytes: Buffer,
	expected: ExpectedManifest,
	trust: Trust,
	held: (key: string) => Promise<Held | undefined>,
	retentionSeconds: number | undefined,
	tell: (code: FindingCode, object: string | undefined, message: string) => void,
): Promise<void> {
	let manifest: Manifest;
	try {
		manifest = openManifest(bytes, trust);
	} catch (error) {
		tell("ManifestChanged", undefined, messageOf(error));
		return;
	}
	const { first, size, root, writers, keys } = manifest;
	const said = { first, size, root, ...(expected.writers && { writers, keys }) };
	if (canonical(said) !== canonical(expected)) {
		tell("ManifestChanged", undefined, "it does not say what follows from the entries");
	}
	for (const { key, sha256: digest, bytes: length, retainUntil } of manifest.objects) {
		const found = await held(key);
		// What is missing is told of where it is needed, and so is what the tree proves.
		if (typeof found === "object" && (found.bytes !== length || found.sha256 !== digest)) {
			tell("ManifestChanged", key, "it is not what the store held when it was written");
		}
		if (retentionSeconds === undefined) continue;
		const left = (Date.parse(retainUntil) - Date.now()) / 1_000;
		if (Number.isNaN(left)) tell("RetentionMissing", key, "the store promised nothing for it");
		else if (left < retentionSeconds) tell("RetentionShort", key, `it is locked until ${retainUntil} only`);
	}
}

/** Keys of all that a round from this entry up to this size has written. */
export function writtenIn(first: number, size: number): readonly string[] {
	const tiles = tilesBetween(first, size);
	const leaves = tiles.filter(({ level }) => level === 0).map(leavesPath);
	const others = [batchPath(first), bundlePath(first), checkpointPath(size), manifestPath(size)];
	return [...others, ...leaves, ...tiles.map((tile) => tilePath(tile))];
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
		const own = Math.max(0, first - tile.index * tileWidth);
		hashes.push(...hashesIn(bytes).slice(own));
	}
	return hashes.length === size - first ? hashes : undefined;
}
