import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { AccessSource } from "../access.ts";
import { parsePath } from "../paths.ts";
import { type Answer, failure, ObjectStore, type StoredObject } from "./object-store.ts";

export type FaultVerb = "get" | "list" | "watch" | "create" | "patch" | "delete";

/** A request as the server saw it. */
export type SeenRequest = {
	readonly verb: FaultVerb;
	readonly method: string;
	readonly path: string;
	readonly query: URLSearchParams;
	readonly headers: IncomingMessage["headers"];
	readonly body: string;
	/** The other side's port: one per connection. */
	readonly fromPort: number | undefined;
	/** `performance.now()` */
	readonly at: number;
};

/** Answers one request, in whatever way. */
export type Handler = (exchange: Exchange) => void | Promise<void>;

/** One request and the means to answer it, well or badly. */
export class Exchange {
	readonly request: SeenRequest;
	readonly #response: ServerResponse;
	readonly #socket: Socket;

	constructor(request: SeenRequest, response: ServerResponse, socket: Socket) {
		this.request = request;
		this.#response = response;
		this.#socket = socket;
	}

	/** A complete JSON answer. */
	answer({ status, body }: Answer, headers: Readonly<Record<string, string>> = {}): void {
		this.#response.writeHead(status, { "content-type": "application/json", ...headers });
		this.#response.end(JSON.stringify(body));
	}

	/** A Status of a failure, such as 429 with `Retry-After`. */
	fail(code: number, reason: string, message: string, headers: Readonly<Record<string, string>> = {}): void {
		this.answer(failure(code, reason, message), headers);
	}

	/** Accepts a watch: headers are sent, the body stays open. */
	open(): void {
		this.#response.writeHead(200, { "content-type": "application/json" });
		this.#response.flushHeaders();
	}

	/** One event of a watch. */
	event(type: string, object: unknown): void {
		this.raw(`${JSON.stringify({ type, object })}\n`);
	}

	/** Bytes of the body as they are, sent at once. */
	raw(bytes: string | Uint8Array): void {
		this.#response.write(bytes);
	}

	/** The proper end of the body. */
	end(): void {
		this.#response.end();
	}

	/** Ends the connection with a TCP reset. */
	reset(): void {
		this.#socket.resetAndDestroy();
	}

	get closed(): boolean {
		return this.#response.destroyed || this.#response.writableEnded;
	}

	/** Calls `listener` when the other side or this one has ended the exchange. */
	onClose(listener: () => void): void {
		this.#response.on("close", listener);
	}
}

/**
 * An HTTP server on loopback that plays the API server. Requests are answered from `store` unless a handler was
 * queued for their verb, which makes every fault repeatable: "the second watch is reset after these events".
 */
export class FaultServer {
	readonly store = new ObjectStore();
	/** Every request so far, in order. */
	readonly requests: SeenRequest[] = [];
	readonly #server: Server;
	readonly #queued = new Map<FaultVerb, Handler[]>();
	readonly #standing = new Map<FaultVerb, Handler>();
	readonly #errors: unknown[] = [];

	/** A server that listens on a free port. */
	static async start(): Promise<FaultServer> {
		const server = new FaultServer();
		const listening = Promise.withResolvers<void>();
		server.#server.once("error", listening.reject);
		server.#server.listen(0, "127.0.0.1", listening.resolve);
		await listening.promise;
		return server;
	}

	private constructor() {
		this.#server = createServer((request, response) => {
			this.#take(request, response).catch((error: unknown) => {
				this.#errors.push(error);
				response.destroy();
			});
		});
	}

	get url(): string {
		return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
	}

	/** Access to this server, by a token. */
	access(): AccessSource {
		const access = { server: new URL(this.url), tls: {}, headers: { Authorization: "Bearer not-a-secret" } };
		return { present: () => Promise.resolve(access), renew() {} };
	}

	/** The next requests of `verb` go to these handlers, one each. */
	next(verb: FaultVerb, ...handlers: readonly Handler[]): void {
		const queue = this.#queued.get(verb) ?? [];
		queue.push(...handlers);
		this.#queued.set(verb, queue);
	}

	/** All requests of `verb` go to `handler`, after those queued; without one, to the store again. */
	always(verb: FaultVerb, handler?: Handler): void {
		if (handler === undefined) this.#standing.delete(verb);
		else this.#standing.set(verb, handler);
	}

	/** The requests of one verb so far. */
	seen(verb: FaultVerb): readonly SeenRequest[] {
		return this.requests.filter((request) => request.verb === verb);
	}

	/** Answers as if nothing was queued. */
	serve(exchange: Exchange): void {
		const { verb, path, query, body } = exchange.request;
		switch (verb) {
			case "get": {
				const object = this.store.get(path);
				if (object === undefined) exchange.fail(404, "NotFound", `${path} not found`);
				else exchange.answer({ status: 200, body: object });
				break;
			}
			case "list": {
				const limit = Number(query.get("limit") ?? 0);
				exchange.answer(this.store.list(path, limit, query.get("continue") ?? undefined));
				break;
			}
			case "watch":
				this.#serveWatch(exchange);
				break;
			case "create":
				exchange.answer(this.store.create(path, JSON.parse(body) as StoredObject));
				break;
			case "patch":
				exchange.answer(this.store.patch(path, JSON.parse(body) as Partial<StoredObject>));
				break;
			case "delete":
				exchange.answer(this.store.delete(path));
				break;
		}
	}

	/** Ends all connections and frees the port. Throws what a handler threw. */
	async stop(): Promise<void> {
		const closed = Promise.withResolvers<void>();
		this.#server.close(() => closed.resolve());
		this.#server.closeAllConnections();
		await closed.promise;
		if (this.#errors.length > 0)
			throw new AggregateError(this.#errors, "handlers of the fault server failed");
	}

	async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const chunks: Buffer[] = [];
		for await (const chunk of request) chunks.push(chunk);
		const url = new URL(request.url ?? "/", this.url);
		const seen: SeenRequest = {
			verb: verbOf(request.method ?? "GET", url),
			method: request.method ?? "GET",
			path: url.pathname,
			query: url.searchParams,
			headers: request.headers,
			body: Buffer.concat(chunks).toString(),
			fromPort: request.socket.remotePort,
			at: performance.now(),
		};
		this.requests.push(seen);
		const exchange = new Exchange(seen, response, request.socket);
		const handler = this.#queued.get(seen.verb)?.shift() ?? this.#standing.get(seen.verb);
		if (handler === undefined) this.serve(exchange);
		else await handler(exchange);
	}

	#serveWatch(exchange: Exchange): void {
		const { path, query } = exchange.request;
		let version = Number(query.get("resourceVersion"));
		const send = () => {
			for (const { type, object } of this.store.eventsAfter(path, version) ?? []) {
				exchange.event(type, object);
				version = Number(object.metadata.resourceVersion);
			}
		};
		if (this.store.eventsAfter(path, version) === undefined) {
			exchange.fail(410, "Expired", `too old resource version: ${version}`);
			return;
		}
		exchange.open();
		send();
		const unlisten = this.store.listen(send);
		const seconds = Number(query.get("timeoutSeconds") ?? 0);
		const timer = seconds > 0 ? setTimeout(() => exchange.end(), seconds * 1000) : undefined;
		exchange.onClose(() => {
			unlisten();
			clearTimeout(timer);
		});
	}
}

function verbOf(method: string, url: URL): FaultVerb {
	switch (method) {
		case "POST":
			return "create";
		case "PATCH":
			return "patch";
		case "DELETE":
			return "delete";
		default:
			if (url.searchParams.get("watch") === "true") return "watch";
			return parsePath(url.pathname)?.name === undefined && url.pathname.startsWith("/api") ? "list" : "get";
	}
}
