import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { VenueError } from "./error.ts";
import { readCancel, readCancelAll, readFaults, readOrder, readReplacement } from "./requests.ts";
import { startStreams } from "./streams.ts";
import { createVenue, type VenueOptions } from "./venue.ts";

/** A venue that listens. */
export type RunningVenue = { readonly port: number; readonly close: () => Promise<void> };

/** Far more than any order. */
const bodyAtMost = 64 << 10;

/** Starts a venue and serves it over HTTP. Port 0 takes a free one. */
export async function startVenue({
	port,
	address = "127.0.0.1",
	...options
}: VenueOptions & { readonly port: number; readonly address?: string }): Promise<RunningVenue> {
	const venue = createVenue(options);
	const streams = startStreams(venue);

	/** What a path with a body does with it. */
	const posts: Readonly<Record<string, (body: string) => unknown>> = {
		"/orders": (body) => venue.submit(readOrder(body)),
		"/orders/replace": (body) => venue.replace(readReplacement(body)),
		"/orders/cancel": (body) => {
			const { account, clientOrderId } = readCancel(body);
			return venue.cancel(account, (order) => order.clientOrderId === clientOrderId);
		},
		"/orders/cancel-all": (body) => {
			const { account, symbol, keepReduceOnly } = readCancelAll(body);
			return venue.cancel(
				account,
				(order) =>
					(symbol === undefined || order.symbol === symbol) &&
					!(keepReduceOnly === true && order.reduceOnly === true),
			);
		},
		"/faults": (body) => {
			venue.setFaults(readFaults(body));
			return venue.faults();
		},
	};

	const gets: Readonly<Record<string, (query: URLSearchParams) => unknown>> = {
		"/health": () => ({ status: "ok" }),
		"/quotes": () => venue.quotes(),
		"/account": (query) => venue.account(query.get("account") ?? ""),
		"/judge": (query) => {
			const since = Number(query.get("since") ?? 0);
			if (!Number.isFinite(since)) throw new VenueError("MALFORMED", "since is no time");
			return venue.judge(query.get("account") ?? "", since);
		},
		"/faults": () => venue.faults(),
	};

	function get(request: IncomingMessage, response: ServerResponse): void {
		const { pathname, searchParams } = new URL(request.url ?? "/", "http://venue");
		const ask = gets[pathname];
		if (pathname === "/stream") streams.add(response, searchParams.get("account") ?? "");
		else if (pathname === "/metrics") sendMetrics(response);
		else if (ask === undefined) sendJson(response, 404, { error: `no ${pathname} here` });
		else answer(response, () => ask(searchParams));
	}

	function sendMetrics(response: ServerResponse): void {
		const { registry } = venue;
		registry.metrics().then(
			(text) => send(response, 200, text, registry.contentType),
			(error) => send(response, 500, `${error}\n`, "text/plain"),
		);
	}

	function answer(response: ServerResponse, act: () => unknown): void {
		let status = 200;
		let body: unknown;
		try {
			body = act();
		} catch (error) {
			if (!(error instanceof VenueError)) throw error;
			status = 400;
			body = { error: error.message };
		}
		const late = venue.faults().answerAfterMilliseconds ?? 0;
		if (late > 0) setTimeout(() => sendJson(response, status, body), late);
		else sendJson(response, status, body);
	}

	const server = createServer((request, response) => {
		if (request.method === "GET") return get(request, response);
		const act = posts[request.url ?? ""];
		if (request.method !== "POST" || act === undefined) {
			return sendJson(response, 404, { error: `no ${request.method} ${request.url} here` });
		}
		readBody(request, (body) => answer(response, () => act(body)));
	});
	// A client that is quiet is not gone: it may hold positions.
	server.keepAliveTimeout = 0;
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, address, resolve);
	});
	return {
		port: (server.address() as AddressInfo).port,
		async close() {
			streams.close();
			const closed = new Promise((resolve) => server.close(resolve));
			server.closeAllConnections();
			await closed;
			venue.close();
		},
	};
}

/** Calls back with the body. A body that is too long, or broken off, ends the connection. */
function readBody(request: IncomingMessage, use: (body: string) => void): void {
	let body = "";
	request.setEncoding("utf8");
	request.on("data", (text: string) => {
		body += text;
		if (body.length > bodyAtMost) request.destroy();
	});
	request.on("end", () => use(body));
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
	send(response, status, JSON.stringify(body), "application/json");
}

function send(response: ServerResponse, status: number, text: string, type: string): void {
	response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
	response.end(text);
}
