import { createPublicKey, type KeyObject } from "node:crypto";
import type { Entry } from "../entry.ts";
import { messageOf } from "../error.ts";
import { encodeBundles } from "../format/bundle.ts";
import { hashLength, leafHash, sha256Text } from "../format/hash.ts";
import { assertP256, signedFirstBy } from "../format/keys.ts";
import { type LeafParts, leafText } from "../format/leaf.ts";
import { exactBase64, type LineParts, splitLine } from "../format/line.ts";
import { isIncluded } from "../format/merkle.ts";
import { parseNote } from "../format/note.ts";
import { batchPath, bundlePath, checkpointPath } from "../layout.ts";
import type { Finding, FindingCode } from "../verify/finding.ts";
import { type EntryProblem, EntryReader } from "../verify/read.ts";
import { openCheckpoint, type Trust } from "../verify/trust.ts";
import type { ProvenEntry } from "./prove.ts";

/** What a proof shows: the entry is in the log, and its key has signed it; or what is wrong. */
export type Examined =
	| { readonly kind: "Good"; readonly parts: LineParts; readonly key: KeyObject }
	| { readonly kind: "Bad"; readonly finding: Finding };

/** The part of a bundle that nothing else tells. */
type Claimed = { readonly index: unknown; readonly body: string; readonly proof: readonly string[] };

/**
 * Checks an entry against its bundle and its checkpoint, and whether its key signed it. Whether that key may sign at this index only
 * the entries before it tell, which are not read.
 */
export function examineProof(proven: ProvenEntry, trust: Trust): Examined {
	const { index, first, size, line, checkpoint: note } = proven;
	const bad = (code: FindingCode, object: string, message: string): Examined => ({
		kind: "Bad",
		finding: { code, index, object, message },
	});
	const opened = openCheckpoint(note, trust);
	if (opened.kind === "Bad") return bad(opened.code, checkpointPath(size), opened.message);
	const { checkpoint, witnesses } = opened;
	if (checkpoint.size !== size) {
		return bad(
			"CheckpointReplayed",
			checkpointPath(size),
			`it is the checkpoint of ${checkpoint.size} entries`,
		);
	}
	const missing = (trust.requireWitnesses ?? 0) - witnesses.length;
	if (missing > 0) {
		const message = `${witnesses.length} of ${trust.requireWitnesses} witnesses have signed it`;
		return bad("WitnessMissing", checkpointPath(size), message);
	}
	const read = readLine(line);
	if (typeof read === "string") return bad("EntryChanged", batchPath(first), read);
	const { parts, problems } = read;
	const claimed = readBundle(proven.bundle);
	if (claimed === undefined) return bad("BundleChanged", bundlePath(first), "it is no bundle of an entry");
	const leafParts = { ...parts, digest: sha256Text(parts.entry, "base64") };
	const leaf = leafText(leafParts);
	const isIn = (bytes: Uint8Array | string) =>
		isIncluded({
			...{ index, size, root: checkpoint.root, leafHash: leafHash(bytes) },
			proof: claimed.proof.map((hash) => Buffer.from(hash, "base64")),
		});
	if (!isIn(leaf)) {
		if (claimed.index !== String(index)) {
			return bad("BundlesSwapped", bundlePath(first), "it is the bundle of another entry");
		}
		// Where the leaf that the bundle tells is in the tree, that is what the entry was.
		return isIn(Buffer.from(claimed.body, "base64"))
			? bad("EntryChanged", batchPath(first), `its bytes are not those that ${checkpointPath(size)} covers`)
			: bad("BundleChanged", bundlePath(first), `it does not prove the entry under ${checkpointPath(size)}`);
	}
	if (bundleOf(proven, trust, { leaf, leafParts, claimed, root: checkpoint.root }) !== proven.bundle) {
		return bad("BundleChanged", bundlePath(first), "it is not the bundle that follows from the entry");
	}
	const [problem] = problems;
	if (problem !== undefined) return bad(problem.code, batchPath(first), problem.message);
	const entry: Entry = JSON.parse(parts.entry.toString());
	if (entry.log !== trust.origin) {
		return bad("EntryOfAnotherLog", batchPath(first), `it is for the log ${entry.log}`);
	}
	const key = createPublicKey({ key: Buffer.from(parts.key, "base64"), format: "der", type: "spki" });
	try {
		assertP256(key);
	} catch (error) {
		return bad("KeyUnknown", batchPath(first), messageOf(error));
	}
	return { kind: "Good", parts, key };
}

/** The parts of a line and what is wrong with its entry; as text: why it is no line. */
function readLine(
	line: Buffer,
): { readonly parts: LineParts; readonly problems: readonly EntryProblem[] } | string {
	try {
		const parts = splitLine(line);
		return { parts, problems: new EntryReader().problemsOf(parts, 0) };
	} catch (error) {
		return messageOf(error);
	}
}

/** What a bundle claims; undefined for what is none. */
function readBundle(text: string): Claimed | undefined {
	try {
		const [entry] = JSON.parse(text).verificationMaterial.tlogEntries;
		const body: unknown = entry.canonicalizedBody;
		const proof: unknown = entry.inclusionProof.hashes;
		if (typeof body !== "string" || !Array.isArray(proof) || !proof.every(isHash)) return undefined;
		return { index: entry.logIndex, body, proof };
	} catch {
		// Whatever it is, it is no bundle.
		return undefined;
	}
}

function isHash(value: unknown): value is string {
	try {
		return typeof value === "string" && exactBase64(value).length === hashLength;
	} catch {
		// Another spelling, or none.
		return false;
	}
}

/** The bundle as it must be with this proof, which was found to be right. */
function bundleOf(
	{ index, size, checkpoint }: ProvenEntry,
	trust: Trust,
	{
		leaf,
		leafParts,
		claimed,
		root,
	}: {
		readonly leaf: string;
		readonly leafParts: LeafParts;
		readonly claimed: Claimed;
		readonly root: Uint8Array;
	},
): string {
	const logId = signedFirstBy(parseNote(checkpoint), trust.origin, trust.logKeys) ?? Buffer.alloc(0);
	const proven = {
		...{ leaf: leafParts, index },
		body: Buffer.from(leaf).toString("base64"),
		proof: claimed.proof.map((hash) => JSON.stringify(hash)).join(","),
	};
	return encodeBundles({ size, root, checkpoint, logId }, [proven], 4_096).toString().trimEnd();
}
