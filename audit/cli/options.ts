import { parseArgs } from "node:util";
import { recordUrl } from "../settings.ts";
import type { Level } from "../verify/report.ts";
import { type Command, commandOf, type Flag, flags } from "./commands.ts";
import { type ReportFormat, reportFormats } from "./report.ts";
import { time } from "./time.ts";
import { usageError } from "./usage.ts";

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
	const found = commandOf(name);
	if (found === undefined)
		throw usageError(name === undefined ? "say what to do" : `there is no command "${name}"`);
	const { command, takes } = found;
	if (takes.operand === (operand === undefined) || more.length > 0) {
		throw usageError(takes.operand ? `${command} needs one operand` : `${command} takes no operand`);
	}
	const given = Object.keys(values) as readonly Flag[];
	const other = given.find((flag) => !takes.options.includes(flag));
	if (other !== undefined)
		throw usageError(`${command} does not take ${other === "output" ? "-o" : `--${other}`}`);
	if (values.output !== undefined && values.output !== "json") throw usageError("-o can only be json");
	if (values.trail !== undefined && values.bucket !== undefined)
		throw usageError("--trail and --bucket exclude each other");
	const ofBucket = (["deep", "endpoint", "region"] as const).find((flag) => values[flag] !== undefined);
	if (ofBucket !== undefined && values.bucket === undefined)
		throw usageError(`--${ofBucket} is about a bucket: give --bucket`);
	if (values.endpoint !== undefined && !isEndpoint(values.endpoint)) {
		throw usageError(`--endpoint must be like https://HOST:PORT, got "${values.endpoint}"`);
	}
	const level = (["hashes", "signatures"] as const).find((one) => one === (values.level ?? "signatures"));
	if (level === undefined) throw usageError("--level can be hashes or signatures");
	const format = reportFormats.find((one) => one === (values.format ?? "html"));
	if (format === undefined) throw usageError(`--format can be ${reportFormats.join(", ")}`);
	const from = time("--from", values.from) ?? 0;
	const to = time("--to", values.to) ?? Date.now();
	if (from >= to) throw usageError("--from must be before --to, which is now where it is left out");
	return {
		...{ format, from, to },
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
		...{ signer: values.signer, recordTo: recordUrl(values["record-to"]), spool: values.spool },
		justification: values.justification,
		notAfter: time("--not-after", values["not-after"]),
		fromIndex: count("--from-index", values["from-index"]),
		deep: values.deep ?? false,
		level,
		json: values.output === "json",
	};
}

/** Reads a whole number from 0 on. Throws `USAGE`. */
export function count(name: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	if (!/^\d{1,15}$/.test(text)) throw usageError(`${name} must be a whole number, got "${text}"`);
	return Number(text);
}

function isEndpoint(text: string): boolean {
	return /^https?:\/\/[^/]+/.test(text) && URL.canParse(text);
}

function parse(args: readonly string[]) {
	try {
		return parseArgs({ args: [...args], allowPositionals: true, options: flags });
	} catch (cause) {
		throw usageError(cause instanceof Error ? cause.message : String(cause), cause);
	}
}
