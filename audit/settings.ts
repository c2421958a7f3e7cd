import { AuditError } from "./error.ts";
import { handOverTo } from "./hand-over.ts";
import { signerAt } from "./signer.ts";
import { Writer, type WriterOptions } from "./writer.ts";

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
	if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
		throw new AuditError("USAGE", `--record-to must be like http://HOST:PORT, got "${url}"`);
	}
	return { dir, key, log, url };
}

/** The writer of a component; it opens key and spool itself, and tries again where that fails. Nothing is recorded before `start`. */
export function writerOf(
	{ dir, key, log, url }: RecordSettings,
	rest: Pick<WriterOptions, "name" | "about" | "onFailed" | "onStored" | "heartbeatSeconds"> & {
		/** Done once before anything is handed over; when it throws it is done again, and nothing is handed over before. */
		readonly atFirst?: () => Promise<void>;
	},
): Writer {
	const { atFirst = async () => {}, ...options } = rest;
	const { handOver, close } = handOverTo({ url });
	let isFirst = true;
	return new Writer({
		...{ ...options, dir, log, signer: () => signerAt(key), onEnd: close },
		async handOver(signed) {
			if (isFirst) await atFirst();
			isFirst = false;
			return handOver(signed);
		},
	});
}
