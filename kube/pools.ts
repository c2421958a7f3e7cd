import type { RequestOptions } from "node:https";
import { type Dispatcher, Pool } from "undici";

/** What TLS needs, and what identifies the caller in it. */
export type Tls = Pick<RequestOptions, "ca" | "servername" | "rejectUnauthorized" | "cert" | "key">;

export type PoolsOptions = { readonly sockets?: number; readonly connectMilliseconds?: number };

/** Sockets to one API server with one set of credentials: some for calls, others for watches. */
export type Pools = {
	readonly calls: Dispatcher;
	readonly watches: Dispatcher;
	/** Takes no more requests; resolves when those under way are over. */
	readonly end: () => Promise<void>;
	/** Ends all sockets at once: requests under way fail. */
	readonly destroy: () => Promise<void>;
};

/** Under the 90 s after which the API server closes idle HTTP/1.1 connections, so that no call meets a dying one. */
const idleMilliseconds = 60_000;

/** Opens no socket before the first request. */
export function openPools(server: URL, tls: Tls, options: PoolsOptions): Pools {
	const shared: Pool.Options = {
		// HTTP/1.1 over many sockets. For 1,000 parallel deletes at a real API server, 64 in flight, both took the
		// same time (four rounds in turn on a busy 2-core machine: 1.96 s here, 1.91 s over one HTTP/2 connection).
		// Then a reset costs one call here and all 64 there, and a slow answer holds up nobody else.
		allowH2: false,
		pipelining: 1,
		keepAliveTimeout: idleMilliseconds,
		keepAliveMaxTimeout: idleMilliseconds,
		connect: {
			...tls,
			timeout: options.connectMilliseconds ?? 5_000,
			keepAlive: true,
			keepAliveInitialDelay: 30_000,
		} as NonNullable<Pool.Options["connect"]>,
		// The client sets a deadline for every call and watch; a second clock beside it would only surprise.
		headersTimeout: 0,
		bodyTimeout: 0,
	};
	const calls = new Pool(server.origin, { ...shared, connections: options.sockets ?? 80 });
	const watches = new Pool(server.origin, { ...shared, connections: null });
	const both = async (act: (pool: Pool) => Promise<unknown>) => {
		await Promise.all([act(calls), act(watches)]);
	};
	return {
		calls,
		watches,
		end: () => both((pool) => pool.close()),
		destroy: () => both((pool) => pool.destroy()),
	};
}
