import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { type Dispatcher, Pool } from "undici";
import { KubeError } from "./error.ts";

/** An API server and a way to be known to it. */
export type Connection = {
	readonly server: URL;
	/** Carries calls. */
	readonly calls: Dispatcher;
	/** Carries watches, apart from the calls, so that a watch never takes the slot of a call. */
	readonly watches: Dispatcher;
	/** The headers that authenticate a request sent now. */
	headers(): Promise<Readonly<Record<string, string>>>;
	/** Forgets what `headers()` remembered; said after a 401. */
	forgetHeaders(): void;
	/**
	 * A second connection to the same server, with the same authority but no client certificate, that sends the
	 * token which `token` returns for each request.
	 */
	withToken(token: () => Promise<string>): Connection;
	/** Ends every connection at once; calls under way fail. */
	close(): Promise<void>;
};

export type ConnectionOptions = {
	/** How many sockets calls may use. */
	readonly sockets?: number;
	readonly connectMilliseconds?: number;
};

/** What TLS needs, without what identifies the caller in `server`. */
type ServerTls = Pick<RequestOptions, "ca" | "servername" | "rejectUnauthorized">;
type ClientTls = Pick<RequestOptions, "cert" | "key">;

/**
 * client-node reads a rotating token file at most once a minute and runs credential plug-ins when their answer
 * has ended; asking it for every request of a burst would cost more than the requests.
 */
const headersLiveMilliseconds = 10_000;

/** Under the 90 s after which the API server closes idle HTTP/1.1 connections, so that no call meets a dying one. */
const idleMilliseconds = 60_000;

/** The kubeconfig at `path`; without a path the usual places: `KUBECONFIG`, the home directory, in the cluster. */
export function loadKubeConfig(path?: string): KubeConfig {
	const config = new KubeConfig();
	try {
		if (path === undefined) config.loadFromDefault();
		else config.loadFromFile(path);
	} catch (cause) {
		throw new KubeError("CONFIG", `cannot read the kubeconfig ${path ?? "(default places)"}`, { cause });
	}
	return config;
}

/** Opens a connection for the current context of `config`. Throws `CONFIG` where that cannot work. */
export async function connect(config: KubeConfig, options: ConnectionOptions = {}): Promise<Connection> {
	const cluster = config.getCurrentCluster();
	if (cluster === null) throw new KubeError("CONFIG", "the kubeconfig has no current context with a cluster");
	if (cluster.proxyUrl !== undefined) {
		throw new KubeError("CONFIG", `proxy-url is not supported (cluster ${cluster.name})`);
	}
	const material = await ask(config);
	const { ca, cert, key, servername, rejectUnauthorized } = material;
	const serverTls = present({ ca, servername, rejectUnauthorized });
	let remembered: { readonly headers: Record<string, string>; readonly until: number } | undefined;
	return open(new URL(cluster.server), serverTls, present({ cert, key }), options, {
		async headers() {
			if (remembered === undefined || performance.now() > remembered.until) {
				const headers = headersOf(await ask(config));
				remembered = { headers, until: performance.now() + headersLiveMilliseconds };
			}
			return remembered.headers;
		},
		forgetHeaders() {
			remembered = undefined;
		},
	});
}

function open(
	server: URL,
	serverTls: ServerTls,
	clientTls: ClientTls,
	options: ConnectionOptions,
	identity: Pick<Connection, "headers" | "forgetHeaders">,
): Connection {
	const shared: Pool.Options = {
		// HTTP/1.1 over many sockets. For 1,000 parallel deletes at a real API server, 64 in flight, both took the
		// same time (four rounds in turn on a busy 2-core machine: 1.96 s here, 1.91 s over one HTTP/2 connection).
		// Then a reset costs one call here and all 64 there, and a slow answer holds up nobody else.
		allowH2: false,
		pipelining: 1,
		keepAliveTimeout: idleMilliseconds,
		keepAliveMaxTimeout: idleMilliseconds,
		connect: {
			...serverTls,
			...clientTls,
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
	return {
		server,
		calls,
		watches,
		...identity,
		withToken(token) {
			return open(server, serverTls, {}, options, {
				headers: async () => ({ authorization: `Bearer ${await token()}` }),
				forgetHeaders() {},
			});
		},
		async close() {
			await Promise.all([calls.destroy(), watches.destroy()]);
		},
	};
}

async function ask(config: KubeConfig): Promise<RequestOptions> {
	const material: RequestOptions = {};
	try {
		await config.applyToHTTPSOptions(material);
	} catch (cause) {
		throw new KubeError("CONFIG", "cannot obtain credentials from the kubeconfig", { cause });
	}
	return material;
}

function headersOf(material: RequestOptions): Record<string, string> {
	const headers: Record<string, string> = {};
	for (const [name, value] of Object.entries(material.headers ?? {})) headers[name] = `${value}`;
	if (material.auth) headers.Authorization = `Basic ${Buffer.from(material.auth).toString("base64")}`;
	return headers;
}

/** Without the keys that are undefined: `tls.connect` treats a present `ca: undefined` as it should, types do not. */
function present<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
	return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
		[K in keyof T]?: NonNullable<T[K]>;
	};
}
