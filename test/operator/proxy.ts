import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request as send } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { operatorAccount, operatorNamespace } from "../../crds/roles.ts";
import type { ClusterAccess } from "../../dev/cluster/access.ts";
import { readKeyPair } from "../../dev/cluster/credentials.ts";
import { clusterFiles } from "../../dev/cluster/files.ts";
import { issueCertificate } from "../../dev/cluster/pki.ts";
import type { Scope } from "../support/scope.ts";

/** A request that a replica sends to the API server. */
export type Call = {
	readonly method: string;
	readonly path: string;
	readonly watch: boolean;
	/** The leader's calls to open something come from `tradingsafety-leader`. */
	readonly userAgent: string;
};

/** What becomes of a call. */
export type Verdict =
	| { readonly kind: "Pass" }
	| { readonly kind: "Reset" }
	/** Never answered. */
	| { readonly kind: "Hang" }
	/** Answered by the proxy: the API server never sees it. */
	| { readonly kind: "Answer"; readonly status: number; readonly retryAfterSeconds?: number }
	/** Sent on only when `until` resolves, whether or not the caller still waits. */
	| { readonly kind: "Late"; readonly until: Promise<unknown> }
	/** Carried out by the API server, and then the connection is reset: the caller cannot know. */
	| { readonly kind: "LoseAnswer" };

export type Rule = (call: Call) => Verdict;

/** Everything goes through. */
export const pass: Rule = () => ({ kind: "Pass" });

/**
 * Stands between one replica and the API server, speaks TLS with a certificate of the cluster's authority, and
 * does to each call what `rule` says. Ends with the test.
 */
export class FaultProxy {
	/** A kubeconfig of the operator's service account that leads through the proxy. */
	readonly kubeconfig: string;
	rule: Rule = pass;
	readonly #sockets = new Set<Socket>();
	readonly #watches = new Map<Socket, string>();
	readonly #frozen = new Set<Socket>();
	#hits = new Map<Verdict["kind"], number>();
	readonly #lateAnswers: number[] = [];

	private constructor(kubeconfig: string) {
		this.kubeconfig = kubeconfig;
	}

	static async start(t: Scope, cluster: ClusterAccess): Promise<FaultProxy> {
		const authority = readKeyPair(clusterFiles(cluster.dir), "ca");
		const pair = await issueCertificate(authority, {
			commonName: "proxy",
			ipAddresses: ["127.0.0.1"],
			usage: "Server",
		});
		const upstream = new Agent({ ca: authority.certificate, keepAlive: true });
		const server = createServer({ cert: pair.certificate, key: pair.key, keepAliveTimeout: 300_000 });
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		const { port } = server.address() as AddressInfo;
		const direct = await cluster.kubeconfigForServiceAccount({
			namespace: operatorNamespace,
			name: operatorAccount,
		});
		const path = `${direct}.proxy-${port}`;
		const text = readFileSync(direct, "utf8").replaceAll(cluster.server, `https://127.0.0.1:${port}`);
		writeFileSync(path, text, { mode: 0o600 });
		const proxy = new FaultProxy(path);
		server.on("connection", (socket: Socket) => proxy.#track(socket));
		server.on("request", (request, response) => {
			proxy.#handle(request, response, { server: cluster.server, agent: upstream });
		});
		t.teardown(() => {
			proxy.cut();
			server.close();
			upstream.destroy();
			rmSync(path);
		});
		return proxy;
	}

	/** How many calls met this fate. */
	hits(kind: Verdict["kind"]): number {
		return this.#hits.get(kind) ?? 0;
	}

	/** What the API server said to the calls that came late: HTTP status. */
	get lateAnswers(): readonly number[] {
		return this.#lateAnswers;
	}

	/** Resets every connection there is. */
	cut(): void {
		for (const socket of this.#sockets) socket.destroy();
	}

	/** Resets every watch there is. */
	cutWatches(): void {
		for (const socket of this.#watches.keys()) socket.destroy();
	}

	/** The watches of one resource stay open and nothing comes through any more. */
	freezeWatches(resource: string): void {
		for (const [socket, path] of this.#watches) if (path.includes(`/${resource}?`)) this.#frozen.add(socket);
	}

	/** The connections there are stay open and nothing comes through any more; new ones work. */
	freeze(): void {
		for (const socket of this.#sockets) this.#frozen.add(socket);
	}

	#track(socket: Socket): void {
		this.#sockets.add(socket);
		// A reset is what this proxy is for; the caller on the other side reports it.
		socket.on("error", () => socket.destroy());
		socket.on("close", () => {
			for (const known of [this.#sockets, this.#watches, this.#frozen]) known.delete(socket);
		});
	}

	#handle(
		request: IncomingMessage,
		response: ServerResponse,
		to: { readonly server: string; readonly agent: Agent },
	): void {
		const path = request.url ?? "/";
		const call = {
			method: request.method ?? "",
			path,
			watch: path.includes("watch=true"),
			userAgent: request.headers["user-agent"] ?? "",
		};
		const socket = this.#rawSocket(request);
		const verdict: Verdict = this.#frozen.has(socket) ? { kind: "Hang" } : this.rule(call);
		this.#hits.set(verdict.kind, this.hits(verdict.kind) + 1);
		switch (verdict.kind) {
			case "Hang":
				return;
			case "Reset":
				socket.destroy();
				return;
			case "Answer":
				this.#answer(request, response, verdict);
				return;
			case "Late":
				void this.#sendLate(request, to, verdict.until, () => socket.destroy());
				return;
			case "LoseAnswer":
			case "Pass":
				if (call.watch) this.#watches.set(socket, path);
				this.#forward(request, response, to, socket, verdict.kind === "LoseAnswer");
				return;
		}
	}

	/** The TCP socket under TLS: the one that `connection` told of. */
	#rawSocket(request: IncomingMessage): Socket {
		const { remotePort } = request.socket;
		for (const socket of this.#sockets) if (socket.remotePort === remotePort) return socket;
		return request.socket;
	}

	#answer(
		request: IncomingMessage,
		response: ServerResponse,
		{ status, retryAfterSeconds }: Extract<Verdict, { kind: "Answer" }>,
	): void {
		request.resume();
		response.writeHead(status, {
			"content-type": "application/json",
			...(retryAfterSeconds !== undefined && { "retry-after": String(retryAfterSeconds) }),
		});
		const reason = status === 409 ? "Conflict" : status === 429 ? "TooManyRequests" : "InternalError";
		response.end(
			JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code: status, reason }),
		);
	}

	/** The caller learns nothing of it. */
	async #sendLate(
		request: IncomingMessage,
		{ server, agent }: { readonly server: string; readonly agent: Agent },
		until: Promise<unknown>,
		done: () => void,
	): Promise<void> {
		const { method, headers, url } = request;
		const { host: _host, ...rest } = headers;
		const body: Buffer[] = [];
		request.on("data", (chunk: Buffer) => body.push(chunk));
		await until;
		const onward = send(server + url, { agent, method, headers: rest }, (answer) => {
			this.#lateAnswers.push(answer.statusCode ?? 0);
			answer.resume();
			answer.on("end", done);
		});
		onward.on("error", done);
		onward.end(Buffer.concat(body));
	}

	#forward(
		request: IncomingMessage,
		response: ServerResponse,
		{ server, agent }: { readonly server: string; readonly agent: Agent },
		socket: Socket,
		loseAnswer: boolean,
	): void {
		const { method, headers, url } = request;
		const { host: _host, ...rest } = headers;
		const onward = send(server + url, { agent, method, headers: rest }, (answer) => {
			if (loseAnswer) {
				socket.destroy();
				return;
			}
			response.writeHead(answer.statusCode ?? 502, answer.headers);
			// A watch is accepted by its headers, long before its first event.
			response.flushHeaders();
			answer.on("data", (chunk) => {
				if (!this.#frozen.has(socket)) response.write(chunk);
			});
			answer.on("end", () => {
				if (!this.#frozen.has(socket)) response.end();
			});
			answer.on("error", () => socket.destroy());
		});
		// The API server is away: so is this proxy.
		onward.on("error", () => socket.destroy());
		response.on("close", () => onward.destroy());
		request.pipe(onward);
	}
}
