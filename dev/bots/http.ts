import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Registry } from "prom-client";

/** What a path answers: an object as JSON, a text as it is. */
export type Reply = { readonly status: number; readonly body: object | string; readonly type?: string };

/** What is asked: method and path without query are one, as `GET /health`. */
export type Asked = { readonly body: string; readonly headers: IncomingHttpHeaders };

/** What a port answers, by method and path. */
export type Routes = Readonly<Record<string, (asked: Asked) => Reply | Promise<Reply>>>;

/** A port that listens on loopback. */
export type Port = { readonly port: number; readonly close: () => Promise<void> };

/** Serves these paths. Port 0 takes a free one. */
export async function servePort(port: number, routes: Routes, address = "127.0.0.1"): Promise<Port> {
	const server = createServer(async (request, response) => {
		const path = (request.url ?? "/").split("?")[0];
		const route = routes[`${request.method} ${path}`];
		let reply: Reply;
		try {
			const asked = { body: await text(request), headers: request.headers };
			reply = route === undefined ? { status: 404, body: { error: `no ${path} here` } } : await route(asked);
		} catch (error) {
			reply = { status: 500, body: { error: String(error) } };
		}
		const { status, body, type } = reply;
		const written = typeof body === "string" ? body : JSON.stringify(body);
		const content = type ?? (typeof body === "string" ? "text/plain" : "application/json");
		response.writeHead(status, { "content-type": content, "content-length": Buffer.byteLength(written) });
		response.end(written);
	});
	server.keepAliveTimeout = 0;
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, address, resolve);
	});
	return {
		port: (server.address() as AddressInfo).port,
		async close() {
			const closed = new Promise((resolve) => server.close(resolve));
			server.closeAllConnections();
			await closed;
		},
	};
}

/** `GET /metrics` of a registry and `GET /health`. */
export function observed(registry: Registry, health: () => object): Routes {
	return {
		"GET /metrics": async () => ({
			status: 200,
			body: await registry.metrics(),
			type: registry.contentType,
		}),
		"GET /health": () => ({ status: 200, body: health() }),
	};
}
