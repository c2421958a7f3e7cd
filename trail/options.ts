import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { TrailError } from "./error.ts";

/** Settings of one trail. */
export type TrailOptions = {
	/** The name of the log. */
	readonly origin: string;
	/** Private key of checkpoints: a file, or a `pkcs11:` URI. */
	readonly logKey: string;
	/** Private keys that sign checkpoints as well, while one follows another. */
	readonly otherLogKeys: readonly string[];
	/** Files with public keys that signed checkpoints once. */
	readonly formerLogKeys: readonly string[];
	/** Files with the public keys that sign entries from the first one on. */
	readonly entryKeys: readonly string[];
	/** Files that offer keys to the log: each becomes an entry. */
	readonly addedKeys: readonly string[];
	readonly bucket: { readonly name: string; readonly endpoint: string | undefined; readonly region: string };
	readonly retentionSeconds: number;
	readonly witness: { readonly url: string; readonly vkey: string } | undefined;
	/** Folder of what it records itself. */
	readonly spool: string;
	/** File with the private key of what it records itself. */
	readonly key: string;
	/** Who it is in the record. */
	readonly identity: string;
	readonly httpAddress: string;
	readonly httpPort: number;
	/** Files with the certificate, and those that vouch for it, and its key; undefined: plain HTTP. */
	readonly tls: { readonly cert: string; readonly key: string } | undefined;
	/** File with the token of the API server's audit webhook; undefined: no such events are taken. */
	readonly kubeAuditToken: string | undefined;
	/** How often it verifies itself; 0: never. */
	readonly verifyHours: number;
	readonly logLevel: string;
};

/** Five years with two leap days, and a day. */
const retentionDays = 5 * 365 + 3;

/** How to call it. */
export const usage = `usage: node trail/main.ts [options]

  --origin NAME                the name of the log: a host name
  --log-key KEY                private key of its checkpoints, Ed25519: a PEM file, or a key in a token (pkcs11:...)
  --other-log-key KEY          signs them as well while a key follows another (docs/audit-keys.md); once for each
  --former-log-key FILE        public key that signed checkpoints once, PEM, for verifying itself; once for each
  --entry-key FILE             public key that signs entries from the first one on, P-256, PEM; once for each writer
  --add-key FILE               what "npm run -s audit -- offer KEY" printed: that key signs from now on; once for each
  --bucket NAME                made with Object Lock; credentials by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
  --endpoint URL               of a store that is not Amazon's
  --region NAME                (us-east-1)
  --retention-days N           how long nobody may delete what is written (${retentionDays}: five years and a day)
  --witness URL                of a witness that cosigns checkpoints; with --witness-key
  --witness-key VKEY           its verifier key
  --spool DIR                  where what it records itself waits for the store
  --key KEY                    private key of what it records itself, P-256, as --log-key; its public half is an --entry-key too
  --identity NAME              who it is in the record (trail-HOST)
  --http-address ADDRESS       of everything that it serves (127.0.0.1)
  --http-port N                0 takes a free one (8086)
  --tls-cert FILE              serves all of it over TLS, with this certificate (PEM); with --tls-key
  --tls-key FILE               its private key
  --kube-audit-token FILE      takes audit events of API servers that show this token; without it none
  --verify-hours N             verifies itself so often; 0: never (24)
  --log-level LEVEL            trace, debug, info, warn, error (info)`;

/** Reads the command line (without node and script). Throws `USAGE` naming what is wrong. */
export function parseOptions(args: readonly string[]): TrailOptions {
	const values = parse(args);
	const needed = (name: "origin" | "log-key" | "bucket" | "spool" | "key"): string => {
		const value = values[name];
		if (value === undefined || value === "") throw new TrailError("USAGE", `--${name} is missing`);
		return value;
	};
	const entryKeys = values["entry-key"] ?? [];
	if (entryKeys.length === 0) throw new TrailError("USAGE", "--entry-key is missing");
	const identity = values.identity ?? `trail-${hostname()}`;
	if (identity.length === 0 || identity.length > 253) {
		throw new TrailError("USAGE", "--identity must have 1 to 253 characters");
	}
	return {
		...{ origin: origin(needed("origin")), logKey: needed("log-key"), key: needed("key") },
		...{ otherLogKeys: values["other-log-key"] ?? [], formerLogKeys: values["former-log-key"] ?? [] },
		...{ entryKeys, addedKeys: values["add-key"] ?? [], spool: needed("spool"), identity },
		bucket: {
			...{ name: needed("bucket"), region: values.region ?? "us-east-1" },
			endpoint: values.endpoint === undefined ? undefined : url("endpoint", values.endpoint),
		},
		retentionSeconds: 86_400 * integer("retention-days", values["retention-days"], retentionDays, 1, 36_500),
		witness: witness(values),
		httpAddress: values["http-address"] ?? "127.0.0.1",
		httpPort: integer("http-port", values["http-port"], 8086, 0, 65_535),
		tls: tls(values),
		kubeAuditToken: values["kube-audit-token"],
		verifyHours: integer("verify-hours", values["verify-hours"], 24, 0, 8_760),
		logLevel: values["log-level"] ?? "info",
	};
}

function parse(args: readonly string[]) {
	const text = { type: "string" } as const;
	const many = { type: "string", multiple: true } as const;
	try {
		return parseArgs({
			args: [...args],
			options: {
				...{ origin: text, "log-key": text, "entry-key": many, "add-key": many },
				...{ "other-log-key": many, "former-log-key": many },
				...{ bucket: text, endpoint: text, region: text, "retention-days": text },
				...{ witness: text, "witness-key": text, spool: text, key: text, identity: text },
				...{ "http-address": text, "http-port": text, "kube-audit-token": text },
				...{ "tls-cert": text, "tls-key": text },
				...{ "verify-hours": text, "log-level": text },
			},
		}).values;
	} catch (cause) {
		throw new TrailError("USAGE", cause instanceof Error ? cause.message : String(cause), { cause });
	}
}

/** Sigstore's verifiers compare it with the host of an address. */
function origin(text: string): string {
	if (/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text)) return text;
	throw new TrailError("USAGE", `--origin must be like a host name, got "${text}"`);
}

function witness(values: ReturnType<typeof parse>): TrailOptions["witness"] {
	const { witness: at, "witness-key": vkey } = values;
	if (at === undefined && vkey === undefined) return undefined;
	if (at === undefined || vkey === undefined) {
		throw new TrailError("USAGE", "--witness and --witness-key need each other");
	}
	return { url: url("witness", at), vkey };
}

function tls({ "tls-cert": cert, "tls-key": key }: ReturnType<typeof parse>): TrailOptions["tls"] {
	if (cert === undefined && key === undefined) return undefined;
	if (cert === undefined || key === undefined) {
		throw new TrailError("USAGE", "--tls-cert and --tls-key need each other");
	}
	return { cert, key };
}

function url(name: string, text: string): string {
	const { protocol } = URL.parse(text) ?? {};
	if (protocol === "http:" || protocol === "https:") return text;
	throw new TrailError("USAGE", `--${name} must be like https://HOST:PORT, got "${text}"`);
}

function integer(
	name: string,
	text: string | undefined,
	preset: number,
	least: number,
	most: number,
): number {
	const value = text === undefined ? preset : text === "" ? Number.NaN : Number(text);
	if (Number.isInteger(value) && value >= least && value <= most) return value;
	throw new TrailError("USAGE", `--${name} must be a whole number from ${least} to ${most}, got "${text}"`);
}
