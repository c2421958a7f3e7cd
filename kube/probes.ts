import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

/** What is wrong, one line each; empty when all is well. */
export type Check = () => readonly string[];

/** What the HTTP server answers from. */
export type HttpOptions = {
	readonly address: string;
	/** 0 takes a free one. */
	readonly port: number;
	/** Further paths, each with what it answers as JSON; undefined: not now. */
	readonly more?: Readonly<Record<string, () => object | undefined>>;
	readonly healthy: Check;
	readonly ready: Check;
	readonly registry: Registry;
};

/** Serves /healthz, /readyz and /metrics, as kubelets and Prometheus ask for them, until closed. Resolves with the port. */
export async function serveProbes(
	options: HttpOptions,
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
	// Its import would read all that it exports, `WebSocket` too, which loads the fetch of Node.js: 3 MB.
	const { createServer } = process.getBuiltinModule("node:http");
	const server = createServer((request, response) => {
		const path = (request.url ?? "/").split("?")[0];
		if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "GET only\n");
		switch (path) {
			case "/healthz":
				return answerCheck(response, options.healthy());
			case "/readyz":
				return answerCheck(response, options.ready());
			case "/metrics":
				options.registry.metrics().then(
					(text) => answer(response, 200, text, options.registry.contentType),
					(error) => answer(response, 500, `${error}\n`),
				);
				return;
			default:
				return answerMore(response, path ?? "/", options.more ?? {});
		}
	});
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(options.port, options.address, () => {
			server.off("error", reject);
			resolve();
		});
	});
	return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

function answerMore(response: ServerResponse, path: string, more: NonNullable<HttpOptions["more"]>): void {
	const make = Object.hasOwn(more, path) ? more[path] : undefined;
	const body = make?.();
	if (make === undefined) {
		const paths = ["/healthz", "/readyz", "/metrics", ...Object.keys(more)];
		answer(response, 404, `try one of ${paths.join(", ")}\n`);
	} else if (body === undefined) answer(response, 503, `${path} is not known yet\n`);
	else answer(response, 200, `${JSON.stringify(body)}\n`, "application/json");
}

function answerCheck(response: ServerResponse, problems: readonly string[]): void {
	answer(
		response,
		problems.length === 0 ? 200 : 503,
		problems.length === 0 ? "ok\n" : `${problems.join("\n")}\n`,
	);
}

function answer(response: ServerResponse, status: number, text: string, type = "text/plain"): void {
	response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
	response.end(text);
}

function close(server: Server): Promise<void> {
	return new Promise((resolve) => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}
