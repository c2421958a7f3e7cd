import type { Dispatcher } from "undici";
import type { Access, AccessSource } from "./access.ts";
import { openPools, type Pools } from "./pools.ts";

/** An API server and a way to be known to it. */
export type Connection = {
	/** These three may become others in `headers()`: ask for it first. */
	readonly server: URL;
	/** Carries calls. */
	readonly calls: Dispatcher;
	/** Carries watches, apart from the calls, so that a watch never takes the slot of a call. */
	readonly watches: Dispatcher;
	/** The headers that authenticate a request sent now. Takes in credentials that were replaced. */
	headers(): Promise<Readonly<Record<string, string>>>;
	/** Forgets what `headers()` remembered; said after a 401. */
	forgetHeaders(): void;
	/** A second connection to the same server, with the same authority but no client certificate, that sends a token. */
	withToken(token: TokenSource): Connection;
	/** Ends every socket at once: calls and watches under way fail with `CONNECTION`, later ones open new sockets. */
	reset(): void;
	/** Ends every socket at once; calls under way fail, and so do later ones. */
	close(): Promise<void>;
};

/** Tokens for {@link Connection.withToken}: asked for before each request, forgotten after a 401. */
export type TokenSource = { get(): Promise<string>; forget(): void };

export type ConnectionOptions = {
	/** Origin of another API server of the same cluster. */
	readonly server?: string;
	/** How many sockets calls may use. */
	readonly sockets?: number;
	readonly connectMilliseconds?: number;
	/**
	 * Told when credentials could not be read again; those read last then stay in use. Without it the call that
	 * needed them fails.
	 */
	readonly onStale?: (error: unknown) => void;
};

/** A source, remembered for a while. */
type Remembered = { readonly present: () => Promise<Access>; readonly forget: () => void };

/**
 * How long credentials are taken for the present ones. client-node reads a rotating token file at most once a
 * minute and runs credential plug-ins when their answer has ended; asking it for every request of a burst would
 * cost more than the requests.
 */
const accessLiveMilliseconds = 10_000;
/** Credentials that are refused are not read again sooner than this. */
const rereadMilliseconds = 1_000;

/**
 * Opens a connection. Its source is asked again every 10 s and after a 401; new certificates, authorities and
 * servers then replace the sockets for all later requests. Throws `CONFIG` where that cannot work.
 */
export async function connect(source: AccessSource, options: ConnectionOptions = {}): Promise<Connection> {
	const remembered = remember(source, options);
	return open(await remembered.present(), remembered, options);
}

function remember(source: AccessSource, { server, onStale }: ConnectionOptions): Remembered {
	let last: { readonly access: Access; readonly at: number } | undefined;
	let refused = false;
	let reading: Promise<Access> | undefined;
	const read = async () => {
		try {
			const access = at(server, await source.present());
			last = { access, at: performance.now() };
		} catch (error) {
			if (last === undefined || onStale === undefined) throw error;
			onStale(error);
			last = { ...last, at: performance.now() };
		}
		return last.access;
	};
	return {
		present() {
			const live = refused ? rereadMilliseconds : accessLiveMilliseconds;
			if (last !== undefined && performance.now() - last.at < live) return Promise.resolve(last.access);
			if (refused) source.renew();
			refused = false;
			reading ??= read().finally(() => {
				reading = undefined;
			});
			return reading;
		},
		forget() {
			refused = true;
		},
	};
}

function open(first: Access, source: Remembered, options: ConnectionOptions): Connection {
	let access = first;
	let pools = openPools(access.server, access.tls, options);
	let closed = false;
	const retired = new Set<Pools>();
	const adopt = (next: Access) => {
		const same = leadsTheSameWay(next, access);
		access = next;
		if (same || closed) return;
		const old = pools;
		pools = openPools(access.server, access.tls, options);
		retired.add(old);
		void old.end().then(() => retired.delete(old));
	};
	const destroy = () => Promise.all([pools, ...retired].map((each) => each.destroy()));
	return {
		get server() {
			return access.server;
		},
		get calls() {
			return pools.calls;
		},
		get watches() {
			return pools.watches;
		},
		async headers() {
			const next = await source.present();
			adopt(next);
			return next.headers;
		},
		forgetHeaders: () => source.forget(),
		withToken(token) {
			return open(anonymous(access), tokenSource(source, token), options);
		},
		reset() {
			if (closed) return;
			void destroy();
			retired.clear();
			pools = openPools(access.server, access.tls, options);
		},
		async close() {
			closed = true;
			await destroy();
		},
	};
}

/** The same server and authority, but known by a token. */
function tokenSource(source: Remembered, token: TokenSource): Remembered {
	let last: { readonly of: Access; readonly bare: Access } | undefined;
	return {
		async present() {
			const [of, text] = await Promise.all([source.present(), token.get()]);
			if (last?.of !== of) last = { of, bare: anonymous(of) };
			return { ...last.bare, headers: { authorization: `Bearer ${text}` } };
		},
		forget: () => token.forget(),
	};
}

function at(origin: string | undefined, access: Access): Access {
	return origin === undefined ? access : { ...access, server: new URL(access.server.pathname, origin) };
}

function anonymous({ server, tls }: Access): Access {
	const { cert: _cert, key: _key, ...rest } = tls;
	return { server, tls: rest, headers: {} };
}

function leadsTheSameWay(a: Access, b: Access): boolean {
	if (a.server === b.server && a.tls === b.tls) return true;
	// Buffers are written out as their bytes.
	return JSON.stringify([a.server, a.tls]) === JSON.stringify([b.server, b.tls]);
}
