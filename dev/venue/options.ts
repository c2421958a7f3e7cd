import { parseArgs } from "node:util";
import { VenueError } from "./error.ts";
import { readFaults } from "./requests.ts";
import type { VenueOptions } from "./venue.ts";

/** How to call the venue. */
export const usage = `usage: node dev/venue/main.ts [options]

  --port N          0 takes a free one (0)
  --address ADDRESS where it listens (127.0.0.1)
  --log FILE        where its log goes, one line of JSON for each thing that happens (nowhere)
  --symbols A,B,..  what is traded (BTC,ETH,SOL,XRP)
  --seed N          the same seed walks the same prices (1)
  --faults JSON     what it does wrong from the start, as POST /faults

Prints {"port":N} when it listens. Ends at SIGTERM, and when its standard input, if it is a pipe, is closed.`;

/** Reads the command line (without node and script). Throws `USAGE`, or `MALFORMED` of the faults. */
export function parseOptions(
	args: readonly string[],
): VenueOptions & { readonly port: number; readonly address?: string } {
	const { port, address, log, symbols, seed, faults } = parse(args);
	return {
		port: integer("port", port ?? "0", 65_535),
		seed: integer("seed", seed ?? "1", 2 ** 31),
		symbols: (symbols ?? "BTC,ETH,SOL,XRP").split(",").filter((symbol) => symbol !== ""),
		faults: readFaults(faults ?? "{}"),
		...(log !== undefined && { log }),
		...(address !== undefined && { address }),
	};
}

function parse(args: readonly string[]) {
	const text = { type: "string" } as const;
	try {
		const options = { port: text, address: text, log: text, symbols: text, seed: text, faults: text };
		return parseArgs({ args: [...args], options }).values;
	} catch (cause) {
		throw new VenueError("USAGE", cause instanceof Error ? cause.message : String(cause), { cause });
	}
}

function integer(name: string, text: string, most: number): number {
	const value = Number(text);
	if (Number.isInteger(value) && value >= 0 && value <= most) return value;
	throw new VenueError("USAGE", `--${name} is a whole number from 0 to ${most}, not ${text}`);
}
