import { AuditError } from "../error.ts";
import { canonical, parseCanonical } from "../format/canonical.ts";
import type { Written } from "../store/store.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Writers } from "./writers.ts";

/** What was written for a tree to reach its size, as the store answered, and where the log stood then. */
export type Manifest = {
	readonly version: 1;
	readonly log: string;
	/** Index of the first entry of the round. */
	readonly first: number;
	readonly size: number;
	/** Base64. */
	readonly root: string;
	readonly writers: Writers;
	readonly keys: KeyRing;
	/** All objects of the round but this one. */
	readonly objects: readonly Written[];
};

/** The text of the signed note. */
export function encodeManifest(manifest: Manifest): string {
	return `${canonical(manifest)}\n`;
}

/** Reads it. Throws `FORMAT`. */
export function parseManifest(text: string): Manifest {
	const value = parseCanonical(text.slice(0, -1)) as Partial<Manifest> | null;
	const isManifest =
		text.endsWith("\n") &&
		value?.version === 1 &&
		typeof value.log === "string" &&
		Number.isSafeInteger(value.first) &&
		Number.isSafeInteger(value.size) &&
		typeof value.root === "string" &&
		typeof value.writers === "object" &&
		typeof value.keys === "object" &&
		Array.isArray(value.objects);
	if (!isManifest) throw new AuditError("FORMAT", "this is no manifest");
	return value as Manifest;
}
