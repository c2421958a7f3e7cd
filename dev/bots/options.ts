import { parseArgs } from "node:util";
import type { KnownKeys } from "../../permits/signature.ts";
import { BotError } from "./error.ts";
import { fixedKeys, keysOfFile } from "./keys.ts";
import { type Kind, kinds } from "./kinds.ts";

/** Settings of one bot. */
export type BotOptions = {
	readonly kind: Kind;
	/** Origins. */
	readonly venue: string;
	readonly gateway?: string;
	readonly account: string;
	/** Of a liquidator: other accounts that it closes too. */
	readonly alsoAccounts: readonly string[];
	/** Where all its ports listen; loopback unless it is said. */
	readonly address?: string;
	readonly permitPort: number;
	/** The first of five ports; 0 takes five free ones. */
	readonly metricsPortBase: number;
	readonly keys: () => KnownKeys;
	readonly ordersPerSecond: number;
	readonly maxPosition: number;
	readonly seed: number;
	/** Of a hanger: after how many orders it hangs, and for how long. */
	readonly hangAfterOrders: number;
	readonly hangSeconds: number;
};

/** How to call a bot. */
export const usage = `usage: node dev/bots/main.ts --kind KIND --venue URL --account NAME [options]

  --kind KIND              ${kinds.join(", ")}
  --venue URL              origin of the venue
  --gateway URL            of a strategy: origin of the main port of its gateway
  --account NAME           the account at the venue
  --also-account NAME      of a liquidator: another one; may be repeated
  --address ADDRESS        where all its ports listen (127.0.0.1)
  --permit-port N          POST /permit (0: a free one)
  --metrics-port-base N    N main, N+1 circuit breaker, N+2 risk, N+3 orders, N+4 memory (0: five free ones)
  --permit-key whpk_...    public key of the operator; may be repeated
  --raise-key whpk_...     public key of those who raise; may be repeated
  --keys FILE              {"permit":[...],"raise":[...]} instead, read again when it changes
  --orders-per-second N    messages to the venue, at most (10)
  --max-position N         most units of a symbol (60)
  --seed N                 the same seed decides in the same way (1)
  --hang-after-orders N    of a hanger (50)
  --hang-seconds N         of a hanger (5)

Prints a line of JSON with its ports when it is ready. Ends at SIGTERM, and when its standard input, if it is a pipe,
is closed.`;

/** Reads the command line (without node and script). Throws `USAGE`, or PermitError `KEY`. */
export function parseOptions(args: readonly string[]): BotOptions {
	const values = parse(args);
	const kind = kinds.find((known) => known === values.kind);
	if (kind === undefined) throw new BotError("USAGE", `--kind is one of ${kinds.join(", ")}`);
	const gateway = values.gateway;
	if ((kind === "strategy") !== (gateway !== undefined)) {
		throw new BotError("USAGE", "--gateway goes with --kind strategy, and it needs it");
	}
	if (kind !== "liquidator" && values["also-account"] !== undefined) {
		throw new BotError("USAGE", "--also-account goes with --kind liquidator");
	}
	return {
		kind,
		venue: origin("venue", values.venue),
		...(gateway !== undefined && { gateway: origin("gateway", gateway) }),
		account: required("account", values.account),
		alsoAccounts: values["also-account"] ?? [],
		...(values.address !== undefined && { address: values.address }),
		permitPort: number("permit-port", values["permit-port"] ?? "0", 65_535),
		metricsPortBase: number("metrics-port-base", values["metrics-port-base"] ?? "0", 65_531),
		keys:
			values.keys === undefined
				? fixedKeys({ permit: values["permit-key"] ?? [], raise: values["raise-key"] ?? [] })
				: keysOfFile(values.keys),
		ordersPerSecond: number("orders-per-second", values["orders-per-second"] ?? "10", 10_000),
		maxPosition: number("max-position", values["max-position"] ?? "60", 1_000_000),
		seed: number("seed", values.seed ?? "1", 2 ** 31),
		hangAfterOrders: number("hang-after-orders", values["hang-after-orders"] ?? "50", 1e9),
		hangSeconds: number("hang-seconds", values["hang-seconds"] ?? "5", 3_600),
	};
}

function parse(args: readonly string[]) {
	const text = { type: "string" } as const;
	const texts = { type: "string", multiple: true } as const;
	try {
		return parseArgs({
			args: [...args],
			options: {
				kind: text,
				venue: text,
				gateway: text,
				account: text,
				"also-account": texts,
				address: text,
				"permit-port": text,
				"metrics-port-base": text,
				"permit-key": texts,
				"raise-key": texts,
				keys: text,
				"orders-per-second": text,
				"max-position": text,
				seed: text,
				"hang-after-orders": text,
				"hang-seconds": text,
			},
		}).values;
	} catch (cause) {
		throw new BotError("USAGE", cause instanceof Error ? cause.message : String(cause), { cause });
	}
}

function required(name: string, text: string | undefined): string {
	if (text === undefined || text === "") throw new BotError("USAGE", `--${name} is missing`);
	return text;
}

function origin(name: string, text: string | undefined): string {
	const url = URL.parse(required(name, text));
	if (url?.protocol !== "http:") throw new BotError("USAGE", `--${name} is an http URL, not ${text}`);
	return url.origin;
}

function number(name: string, text: string, most: number): number {
	const value = Number(text);
	if (text !== "" && value >= 0 && value <= most) return value;
	throw new BotError("USAGE", `--${name} is a number from 0 to ${most}, not ${text}`);
}
