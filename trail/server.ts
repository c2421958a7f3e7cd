import {
	createServer,
	type IncomingMessage,
	type RequestListener,
	type Server,
	type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { mostEntryBytes } from "../audit/entry.ts";
import { isAuditError, messageOf } from "../audit/error.ts";
import { handOverPath, readHandedOver, writeOutcomes } from "../audit/hand-over.ts";
import { mostInRound } from "../audit/log/outcome.ts";
import { TrailError, type TrailErrorCode } from "./error.ts";
import type { Ledger } from "./ledger.ts";
import type { LogReader } from "./log-reader.ts";
import type { Metrics } from "./metrics.ts";
import type { Receiver } from "./receiver.ts";
import { answer, Intake, type Limits, patience } from "./requests.ts";

/** What is served, and from what. */
export type ServerOptions = {
	readonly address: string;
	/** 0 takes a free one. */
	readonly port: number;
	/** Certificate and key; undefined: plain HTTP. */
	readonly identity: Pick<SecureContextOptions, "cert" | "key"> | undefined;
	readonly ledger: Ledger;
	readonly reader: LogReader;
	/** Of audit events; undefined: none are taken. */
	readonly receiver: Receiver | undefined;
	/** Why this trail cannot be counted on, a line each. */
	readonly problems: () => readonly string[];
	readonly metrics: Metrics;
	/** Told of what should not happen. */
	readonly onFailed: (where: string, error: unknown) => void;
};

const entriesPath = handOverPath;
const kubeAuditPath = "/kube-audit";
const paths = [entriesPath, kubeAuditPath, "/states", "/checkpoint", "/healthz", "/readyz", "/metrics"];

/** Signature, key and what is between them take less than a thousand bytes. */
const entriesLimits: Limits = {
	...{ bodyBytes: mostInRound * (mostEntryBytes + 1_000), waitingBytes: 64 * 2 ** 20, requests: 64 },
};
/** API servers send 10 MiB at most, where they are told to cut off what is longer. */
const kubeAuditLimits: Limits = { bodyBytes: 11 * 2 ** 20, waitingBytes: 32 * 2 ** 20, requests: 16 };
/** Whoever hands over waits for 30 s. */
const appendMilliseconds = 25_000;
/** How long an answer waits for the store before it says what was known before. */
const lookMilliseconds = 2_000;
/** Slow and idle callers are cut off. */
const serverLimits = {
	handshakeTimeout: 10_000,
	headersTimeout: 10_000,
	requestTimeout: 30_000,
	keepAliveTimeout: 65_000,
	connectionsCheckingInterval: 2_000,
	maxHeaderSize: 16_384,
} as const;
const mostConnections = 512;

const statuses: Readonly<Record<TrailErrorCode, number>> = {
	USAGE: 500,
	BUCKET: 503,
	STORE: 503,
	INPUT: 400,
	TOO_LARGE: 413,
	UNAUTHORIZED: 401,
	BUSY: 503,
};

/** Serves until closed. Resolves with the port. Throws what `listen` throws. */
export async function serve(
	options: ServerOptions,
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
	const routes = new Routes(options);
	const listener: RequestListener = (request, response) => void routes.handle(request, response);
	const server =
		options.identity === undefined
			? createServer(serverLimits, listener)
			: createTlsServer({ ...serverLimits, ...options.identity }, listener);
	server.maxConnections = mostConnections;
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(options.port, options.address, () => {
			server.off("error", reject);
			resolve();
		});
	});
	return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

class Routes {
	readonly #options: ServerOptions;
	readonly #entries: Intake;
	readonly #kubeAudit: Intake;

	constructor(options: ServerOptions) {
		this.#options = options;
		const { waitingBytes } = options.metrics;
		this.#entries = new Intake(entriesLimits, (bytes) => waitingBytes.set({ path: entriesPath }, bytes));
		this.#kubeAudit = new Intake(kubeAuditLimits, (bytes) =>
			waitingBytes.set({ path: kubeAuditPath }, bytes),
		);
	}

	async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const path = (request.url ?? "/").split("?")[0] ?? "/";
		const { metrics, onFailed } = this.#options;
		let said: Said;
		try {
			said = await this.#route(path, request, response);
		} catch (error) {
			said = saidOf(error);
			if (said.status === 500) onFailed("Request", error);
		}
		metrics.requests.inc({ path: paths.includes(path) ? path : "other", status: said.status });
		answer(request, response, said.status, said.text, said.type);
	}

	async #route(path: string, request: IncomingMessage, response: ServerResponse): Promise<Said> {
		const { method } = request;
		if (!paths.includes(path)) return { status: 404, text: `try one of ${paths.join(", ")}\n` };
		const isPosted = path === entriesPath || path === kubeAuditPath;
		if (isPosted ? method !== "POST" : method !== "GET" && method !== "HEAD") {
			return { status: 405, text: isPosted ? "POST only\n" : "GET only\n" };
		}
		switch (path) {
			case entriesPath:
				return this.#append(request, response);
			case kubeAuditPath:
				return this.#receive(request);
			case "/states":
				return this.#states();
			case "/checkpoint":
				return this.#checkpoint();
			case "/readyz":
				return check(this.#options.problems());
			case "/metrics": {
				this.#options.problems();
				const { registry } = this.#options.metrics;
				return { status: 200, text: await registry.metrics(), type: registry.contentType };
			}
			default:
				return check([]);
		}
	}

	#append(request: IncomingMessage, response: ServerResponse): Promise<Said> {
		const signal = patience(response, appendMilliseconds);
		return this.#entries.take(request, async (body) => {
			const signed = readHandedOver(body);
			if (signed.length === 0) throw new TrailError("INPUT", "no entries: a line for each is needed");
			const outcomes = await this.#options.ledger.append(signed, signal);
			return { status: 200, text: writeOutcomes(outcomes), type: "application/json" };
		});
	}

	async #receive(request: IncomingMessage): Promise<Said> {
		const { receiver } = this.#options;
		if (receiver === undefined) {
			return { status: 404, text: "no audit events are taken here: start it with --kube-audit-token FILE\n" };
		}
		receiver.authorize(request.headers.authorization);
		return this.#kubeAudit.take(request, async (body) => {
			await receiver.receive(body);
			return { status: 200, text: "recorded\n" };
		});
	}

	async #states(): Promise<Said> {
		const states = this.#options.reader.states(await this.#look());
		if (states === undefined) return { status: 503, text: "the log was not read yet\n" };
		return { status: 200, text: `${JSON.stringify(states)}\n`, type: "application/json" };
	}

	/** True when the store has shown its newest in time. */
	async #look(): Promise<boolean> {
		let timer: NodeJS.Timeout | undefined;
		const over = new Promise<boolean>((resolve) => {
			timer = setTimeout(() => resolve(false), lookMilliseconds);
		});
		// Whoever looks from time to time tells of its failures.
		const look = this.#options.reader.look().then(
			() => true,
			() => false,
		);
		try {
			return await Promise.race([look, over]);
		} finally {
			clearTimeout(timer);
		}
	}

	async #checkpoint(): Promise<Said> {
		const note = await this.#options.reader.checkpoint();
		return note === undefined ? { status: 404, text: "the log is empty\n" } : { status: 200, text: note };
	}
}

type Said = { readonly status: number; readonly text: string; readonly type?: string };

function check(problems: readonly string[]): Said {
	return problems.length === 0
		? { status: 200, text: "ok\n" }
		: { status: 503, text: `${problems.join("\n")}\n` };
}

function saidOf(error: unknown): Said {
	const text = `${messageOf(error)}\n`;
	if (error instanceof TrailError) return { status: statuses[error.code], text };
	if (isAuditError(error, "FORMAT")) return { status: 400, text };
	if (isAuditError(error, "STORE", "MISSING")) return { status: 503, text };
	return { status: 500, text };
}

function close(server: Pick<Server, "close" | "closeAllConnections">): Promise<void> {
	return new Promise((resolve) => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}
