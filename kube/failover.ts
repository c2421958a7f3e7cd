import { wait } from "./backoff.ts";
import type { Connection, TokenSource } from "./connection.ts";
import { KubeError } from "./error.ts";

/** One API server of several that share a store. */
export type Endpoint = {
	/** Carries calls and watches while this one is used. */
	readonly connection: Connection;
	/** Carries the questions whether it lives, apart from the others. */
	readonly checks: Connection;
};

export type FailoverOptions = {
	/** Another one is used from now on. Must not throw, like `onError`. */
	readonly onSwitch: (from: URL, to: URL) => void;
	/** One did not answer, or said that it is not ready. */
	readonly onError: (server: URL, error: unknown) => void;
	/** From an answer to the next question. Default 500 ms. */
	readonly intervalMilliseconds?: number;
	/** How long an answer may take. Default 2 s: a busy server is still better than a change. */
	readonly patienceMilliseconds?: number;
};

/**
 * Uses one of several API servers, the first at first. Each is asked again and again whether it is ready; when the
 * one in use fails and another does not, that is used from then on, and what was under way at the old one fails with
 * `CONNECTION`, so that callers and watches repeat it at the new one. It does not go back by itself.
 */
export class Failover {
	/** To the one in use. */
	readonly connection: Connection;
	readonly #endpoints: readonly Endpoint[];
	readonly #options: FailoverOptions;
	readonly #ready: (boolean | undefined)[];
	readonly #stopped = new AbortController();
	readonly #followers: (readonly Connection[])[] = [];
	#used = 0;
	#running: Promise<unknown> | undefined;

	/** Throws a RangeError without endpoints. */
	constructor(endpoints: readonly Endpoint[], options: FailoverOptions) {
		if (endpoints.length === 0) throw new RangeError("no API server to use");
		this.#endpoints = endpoints;
		this.#options = options;
		this.#ready = endpoints.map(() => undefined);
		this.connection = this.#follow(endpoints.map((endpoint) => endpoint.connection));
	}

	/** Begins to ask. With one endpoint there is nothing to choose, and nothing is asked. */
	start(): void {
		if (this.#endpoints.length < 2) return;
		this.#running ??= Promise.all(this.#endpoints.map((endpoint, index) => this.#ask(endpoint, index)));
	}

	/** Asks no more. The connections stay open. */
	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#running;
	}

	async #ask({ checks }: Endpoint, index: number): Promise<void> {
		const { onError, intervalMilliseconds = 500, patienceMilliseconds = 2_000 } = this.#options;
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			try {
				await assertReady(checks, AbortSignal.any([signal, AbortSignal.timeout(patienceMilliseconds)]));
				this.#ready[index] = true;
			} catch (error) {
				if (signal.aborted) return;
				this.#ready[index] = false;
				onError(checks.server, error);
			}
			this.#choose();
			await wait(intervalMilliseconds, signal);
		}
	}

	#choose(): void {
		if (this.#ready[this.#used] !== false) return;
		const next = this.#ready.indexOf(true);
		const from = this.#endpoints[this.#used];
		const to = this.#endpoints[next];
		if (from === undefined || to === undefined) return;
		const left = this.#followers.map((connections) => connections[this.#used]);
		this.#used = next;
		this.#options.onSwitch(from.connection.server, to.connection.server);
		for (const connection of left) connection?.reset();
	}

	/** A connection that is, at each moment, the one of these that belongs to the endpoint in use. */
	#follow(connections: readonly Connection[]): Connection {
		this.#followers.push(connections);
		const used = (): Connection => {
			const connection = connections[this.#used];
			if (connection === undefined) throw new RangeError("no connection to the API server in use");
			return connection;
		};
		return {
			get server() {
				return used().server;
			},
			get calls() {
				return used().calls;
			},
			get watches() {
				return used().watches;
			},
			headers: () => used().headers(),
			forgetHeaders: () => used().forgetHeaders(),
			withToken: (token: TokenSource) =>
				this.#follow(connections.map((connection) => connection.withToken(token))),
			reset: () => used().reset(),
			async close() {
				await Promise.all(connections.map((connection) => connection.close()));
			},
		};
	}
}

/** Throws unless the server says that it is ready, or refuses to tell us. `signal` ends the wait. */
async function assertReady(connection: Connection, signal: AbortSignal): Promise<void> {
	const headers = await connection.headers();
	const { origin, pathname } = connection.server;
	const path = `${pathname.replace(/\/$/, "")}/readyz`;
	const { statusCode, body } = await connection.calls.request({
		origin,
		path,
		method: "GET",
		headers,
		signal,
	});
	const text = await body.text();
	if (statusCode === 401) connection.forgetHeaders();
	if (statusCode >= 500) {
		throw new KubeError("SERVER", `GET ${path}: ${statusCode}: ${text.slice(-1000)}`, { status: statusCode });
	}
}
