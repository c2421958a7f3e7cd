import type { ServerResponse } from "node:http";
import type { Venue } from "./venue.ts";

/** How often the market moves, and how often an account that changed is told, in milliseconds. */
const stepMilliseconds = 100;
const tellMilliseconds = 20;
/** A reader that is this far behind, in bytes, is let go: it may come back and begin anew. */
const behindAtMost = 1 << 20;

/** Lets the market move, and tells readers about it and about their accounts, a line of JSON each, until closed. */
export function startStreams(venue: Venue) {
	const readers = new Map<ServerResponse, { readonly account: string; told: number }>();

	function write(response: ServerResponse, line: string): void {
		response.write(line);
		if (response.writableLength > behindAtMost) response.destroy();
	}

	function tellAccounts(): void {
		for (const [response, reader] of readers) {
			const version = venue.version(reader.account);
			if (version === reader.told) continue;
			reader.told = version;
			write(response, accountLine(venue, reader.account));
		}
	}

	function step(): void {
		venue.step();
		const line = quotesLine(venue);
		for (const response of readers.keys()) write(response, line);
	}

	const timers = [setInterval(step, stepMilliseconds), setInterval(tellAccounts, tellMilliseconds)];
	return {
		/** A new reader: it is told the market and its account at once. */
		add(response: ServerResponse, account: string): void {
			response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
			readers.set(response, { account, told: venue.version(account) });
			response.once("close", () => readers.delete(response));
			write(response, quotesLine(venue) + accountLine(venue, account));
		},
		close(): void {
			for (const timer of timers) clearInterval(timer);
			for (const response of readers.keys()) response.destroy();
		},
	};
}

function quotesLine(venue: Venue): string {
	return `${JSON.stringify({ event: "quotes", quotes: venue.quotes() })}\n`;
}

function accountLine(venue: Venue, account: string): string {
	return `${JSON.stringify({ event: "account", states: venue.account(account) })}\n`;
}
