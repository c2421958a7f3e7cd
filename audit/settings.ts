import { AuditError } from "./error.ts";

/** Where a component keeps its record, and who takes it. */
export type RecordSettings = {
	/** Folder of its spool. */
	readonly dir: string;
	/** Its private key for entries: path of a PEM file, or a `pkcs11:` URI. */
	readonly key: string;
	/** The name of the log. */
	readonly log: string;
	/** Of the process that sequences. */
	readonly url: string;
};

/** The options of every component that records, for `parseArgs`. */
export const recordFlags = {
	"record-spool": { type: "string" },
	"record-key": { type: "string" },
	"record-log": { type: "string" },
	"record-to": { type: "string" },
} as const;

/** Lines of `--help` about them. */
export const recordUsage = `  --record-spool DIR           keep a record, first in this folder: its own alone, on a volume that lasts (no record)
  --record-key KEY             private key that signs its entries (P-256): a PEM file, or a key in a token (pkcs11:...)
  --record-log NAME            the name of the log
  --record-to URL              the process that keeps the trail (see docs/trail.md)`;

/** Reads them; undefined: nothing is recorded. Throws `USAGE` where some are given and others are not. */
export function recordSettings(
	values: Readonly<Partial<Record<keyof typeof recordFlags, string | undefined>>>,
): RecordSettings | undefined {
	const { "record-spool": dir, "record-key": key, "record-log": log, "record-to": url } = values;
	if (dir === undefined && key === undefined && log === undefined && url === undefined) return undefined;
	if (dir === undefined || key === undefined || log === undefined || url === undefined) {
		const missing = Object.keys(recordFlags).filter(
			(name) => values[name as keyof typeof recordFlags] === undefined,
		);
		throw new AuditError(
			"USAGE",
			`to keep a record give ${missing.map((name) => `--${name}`).join(", ")}, too`,
		);
	}
	return { dir, key, log, url: recordUrl(url) };
}

/** `--record-to`, as it is given. Throws `USAGE` where it is no URL to post to. */
export function recordUrl<T extends string | undefined>(url: T): T {
	if (url !== undefined && (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))) {
		throw new AuditError("USAGE", `--record-to must be like http://HOST:PORT, got "${url}"`);
	}
	return url;
}
