// Where what is in the store. Every object is written once and never again.

const digits = 12;
const padded = (number: number) => String(number).padStart(digits, "0");

/** Folders of the store. */
export const folders = {
	batch: "batch/",
	bundle: "bundle/",
	checkpoint: "checkpoint/",
	manifest: "manifest/",
	tile: "tile/",
} as const;

/** Signed entries from this index on, a line each: entry, signature, key. Written first: whoever writes it has the place. */
export function batchPath(first: number): string {
	return `${folders.batch}${padded(first)}.tsv`;
}

/** Sigstore bundles of the entries of a batch, a line each. */
export function bundlePath(first: number): string {
	return `${folders.bundle}${padded(first)}.ndjson`;
}

/** The signed note of the tree of this size. */
export function checkpointPath(size: number): string {
	return `${folders.checkpoint}${padded(size)}`;
}

/** What was written for the tree to reach this size, as the store answered: a signed note, written last. */
export function manifestPath(size: number): string {
	return `${folders.manifest}${padded(size)}`;
}

const keyPattern =
	/^(?:batch\/(\d{12})\.tsv|bundle\/(\d{12})\.ndjson|checkpoint\/(\d{12})|manifest\/(\d{12}))$/;

/** The number in one of these keys; undefined for any other, one that ends otherwise included. */
export function numberOf(key: string): number | undefined {
	const text = keyPattern
		.exec(key)
		?.slice(1)
		.find((one) => one !== undefined);
	return text === undefined ? undefined : Number(text);
}
