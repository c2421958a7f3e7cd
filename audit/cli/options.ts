import { parseArgs } from "node:util";
import { AuditError } from "../error.ts";
import type { Level } from "../verify/report.ts";
import { type ReportFormat, reportFormats } from "./report.ts";

/** What can be asked for. */
export const commands = [
	"verify",
	"show",
	"timeline",
	"who",
	"gaps",
	"at",
	"prove",
	"export",
	"report",
	"doctor",
	"keys",
	"public",
	"offer",
	"add-key",
	"revoke-key",
] as const;

const withOperand: readonly string[] = [
	...["show", "who", "at", "prove", "export", "keys", "public", "offer", "add-key", "revoke-key"],
];

/** One of {@link commands}. */
export type Command = (typeof commands)[number];

/** How to call it. */
export const usage = `usage: tradingsafety-audit COMMAND [options]

Reads a trail out of a folder or a bucket. It needs no cluster and none of our servers.

  verify                all of it: hashes, order, signatures, clocks, counters, every object (--level)
  show N                entry N, as it was signed
  prove N               writes entry N, its bundle, and how to check it without this program
  timeline              a line for each entry
  who NAME              entries by this actor
  gaps                  what each writer has written, and what is missing
  at TIME               the last state of each thing at that time (RFC 3339)
  report                for an auditor: --from, --to (all of it), --format html, csv or ndjson (html)
  export DIR            fetches the trail of a bucket into a folder
  doctor                tries whether a bucket is immutable; leaves small objects there that nobody can delete for a minute
  keys DIR              makes a key for entries and one for checkpoints

keys: KEY is the path of a private key (PEM), or a key in a token (pkcs11:...), see docs/audit-keys.md
  public KEY            prints its public key
  offer KEY             prints what offers this key to the log --origin: for add-key, where another key of the log is
  add-key FILE          writes the entry that adds the key that FILE offers
  revoke-key FILE       writes the entry that revokes the key of which FILE is the public one, PEM
  --signer KEY          signs that entry: a key that may sign in this log
  --record-to URL       the process that keeps the trail
  --spool DIR           folder of its own, for the entry until the log has it; gone afterwards
  --justification TEXT  why
  --not-after TIME      the offered key signs nothing that says a later time
  --from-index N        from which entry on the key is revoked (behind the entry that says so)

where the trail is
  --trail DIR           a folder with the objects of the bucket
  --bucket NAME         a bucket; credentials as usual (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
  --endpoint URL        of a store that is not Amazon's
  --region NAME         (us-east-1)

what is trusted (from somebody you trust, not from the trail)
  --origin NAME         the name of the log
  --log-key FILE        public key of its checkpoints, PEM; once for each
  --entry-key FILE      public key of its first entries, PEM; once for each
  --witness VKEY        verifier key of a witness; once for each
  --require-witness N   so many of them must have signed (0)
  --checkpoint FILE     a checkpoint that was kept: the trail must have grown from it; once for each
  --as-of TIME          when it was fetched: writers must have been heard of up to then
  --level LEVEL         of verify: signatures (all of it), or hashes: that nothing has changed since the log signed it, and
                        nothing of signatures, clocks, counters and what entries say (signatures)
  --deep                ask the bucket about versions, delete markers and locks of each object as well
  --retention SECONDS   objects must be locked for so long from now on

  --out DIR             where prove writes (.)
  -o json               for machines

It ends with 0 when all is well, 1 when it could not be found out, 2 when it was asked wrongly, and with a code of its own
for each kind of tampering: see docs/audit.md.`;

/** What was asked for. */
export type CliOptions = {
	readonly command: Command;
	readonly operand: string | undefined;
	readonly trail: string | undefined;
	readonly bucket:
		| { readonly name: string; readonly endpoint: string | undefined; readonly region: string }
		| undefined;
	readonly origin: string | undefined;
	readonly logKeys: readonly string[];
	readonly entryKeys: readonly string[];
	readonly witnesses: readonly string[];
	readonly requireWitnesses: number;
	readonly checkpoints: readonly string[];
	readonly asOf: number | undefined;
	readonly retentionSeconds: number | undefined;
	readonly deep: boolean;
	readonly level: Level;
	readonly out: string;
	readonly signer: string | undefined;
	readonly recordTo: string | undefined;
	readonly spool: string | undefined;
	readonly justification: string | undefined;
	readonly notAfter: number | undefined;
	readonly fromIndex: number | undefined;
	readonly from: number;
	readonly to: number;
	readonly format: ReportFormat;
	readonly json: boolean;
};

/** Reads the command line (without node and script). Throws `USAGE` naming what is wrong. */
export function parseOptions(args: readonly string[]): CliOptions {
	const { values, positionals } = parse(args);
	const [name, operand, ...more] = positionals;
	const command = commands.find((one) => one === name);
	if (command === undefined)
		throw usageError(name === undefined ? "say what to do" : `there is no command "${name}"`);
	const takesOperand = withOperand.includes(command);
	if (takesOperand === (operand === undefined) || more.length > 0) {
		throw usageError(takesOperand ? `${command} needs one operand` : `${command} takes no operand`);
	}
	if (values.output !== undefined && values.output !== "json") throw usageError("-o can only be json");
	if (values.trail !== undefined && values.bucket !== undefined)
		throw usageError("--trail and --bucket exclude each other");
	if (values.deep === true && values.bucket === undefined)
		throw usageError("--deep asks a bucket: give --bucket");
	if (values.endpoint !== undefined && !/^https?:\/\/[^/]+/.test(values.endpoint)) {
		throw usageError(`--endpoint must be like https://HOST:PORT, got "${values.endpoint}"`);
	}
	const level = (["hashes", "signatures"] as const).find((one) => one === (values.level ?? "signatures"));
	if (level === undefined) throw usageError("--level can be hashes or signatures");
	if (level === "hashes" && command !== "verify")
		throw usageError(`--level hashes is for verify, not ${command}`);
	const format = reportFormats.find((one) => one === (values.format ?? "html"));
	if (format === undefined) throw usageError(`--format can be ${reportFormats.join(", ")}`);
	return {
		format,
		from: time("--from", values.from) ?? 0,
		to: time("--to", values.to) ?? Date.now(),
		...{ command, operand, trail: values.trail, origin: values.origin, out: values.out ?? "." },
		bucket:
			values.bucket === undefined
				? undefined
				: { name: values.bucket, endpoint: values.endpoint, region: values.region ?? "us-east-1" },
		logKeys: values["log-key"] ?? [],
		entryKeys: values["entry-key"] ?? [],
		witnesses: values.witness ?? [],
		requireWitnesses: count("--require-witness", values["require-witness"]) ?? 0,
		checkpoints: values.checkpoint ?? [],
		asOf: time("--as-of", values["as-of"]),
		retentionSeconds: count("--retention", values.retention),
		...{ signer: values.signer, recordTo: values["record-to"], spool: values.spool },
		justification: values.justification,
		notAfter: time("--not-after", values["not-after"]),
		fromIndex: count("--from-index", values["from-index"]),
		deep: values.deep ?? false,
		level,
		json: values.output === "json",
	};
}

/** Reads a time. Throws `USAGE`. */
export function time(name: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	const value = Date.parse(text);
	if (Number.isNaN(value))
		throw usageError(`${name} must be a time like 2026-01-31T12:00:00Z, got "${text}"`);
	return value;
}

/** Reads a whole number from 0 on. Throws `USAGE`. */
export function count(name: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	if (!/^\d{1,15}$/.test(text)) throw usageError(`${name} must be a whole number, got "${text}"`);
	return Number(text);
}

function usageError(why: string, cause?: unknown): AuditError {
	return new AuditError("USAGE", `${why} (tradingsafety-audit --help)`, { cause });
}

function parse(args: readonly string[]) {
	const text = { type: "string" } as const;
	const many = { type: "string", multiple: true } as const;
	try {
		return parseArgs({
			args: [...args],
			allowPositionals: true,
			options: {
				...{ trail: text, bucket: text, endpoint: text, region: text, origin: text },
				...{ "log-key": many, "entry-key": many, witness: many, checkpoint: many },
				...{ "require-witness": text, "as-of": text, retention: text, out: text },
				...{ from: text, to: text, format: text, level: text },
				...{ signer: text, "record-to": text, spool: text, justification: text },
				...{ "not-after": text, "from-index": text },
				deep: { type: "boolean" },
				output: { type: "string", short: "o" },
			},
		});
	} catch (cause) {
		throw usageError(cause instanceof Error ? cause.message : String(cause), cause);
	}
}
