import { wait } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import { errorFromStatus, KubeError, type KubeErrorCode } from "./error.ts";
import { Limiter, type LimiterOptions, type Priority } from "./limiter.ts";
import type { List } from "./object.ts";
import { resourceLabel } from "./paths.ts";
import { openWatch, type WatchEvent, type WatchOptions } from "./watch.ts";

export type { Priority } from "./limiter.ts";

export type Verb = "get" | "list" | "create" | "patch" | "delete";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export type CallOptions = {
	/** For the whole call: waiting for the limiter, every try, reading the answer. Default 10 s. */
	readonly deadlineMilliseconds?: number;
	readonly priority?: Priority;
	/** Ends the call with `CANCELLED`. */
	readonly signal?: AbortSignal;
};

/** How a patch is to be read, and the parameters that the API server knows for it. */
export type PatchOptions = {
	readonly type: "merge" | "json" | "strategic" | "apply";
	/** Required by the API server for `apply`. */
	readonly fieldManager?: string;
	/** For `apply`: take fields over from other managers. */
	readonly force?: boolean;
	/** Let the API server do everything but store the result. */
	readonly dryRun?: boolean;
	readonly fieldValidation?: "Ignore" | "Warn" | "Strict";
};

/** One finished call, for metrics. `seconds` counts from the request to the gateway, waiting included. */
export type CallRecord = {
	readonly verb: Verb;
	readonly resource: string;
	readonly code: "OK" | KubeErrorCode;
	readonly seconds: number;
	readonly priority: Priority;
};

export type ClientOptions = {
	readonly userAgent?: string;
	readonly limits?: Partial<LimiterOptions>;
	readonly onCall?: (record: CallRecord) => void;
	/** Told the Date header of each answer and when its request was sent, by `Date.now()`. */
	readonly onDate?: (date: string | undefined, sentAt: number) => void;
};

type Send = {
	readonly method: string;
	readonly body?: string;
	readonly contentType?: string;
	readonly again: boolean;
};

const defaultDeadlineMilliseconds = 10_000;
const defaultLimits: LimiterOptions = {
	perSecond: 50,
	burst: 100,
	normalInFlight: 16,
	emergencyInFlight: 64,
};

/** An emergency call is told to wait by a server that is busy; it waits no longer than this before it asks again. */
const emergencyPauseMilliseconds = 100;
const shortestPauseMilliseconds = 25;

const contentTypes: Readonly<Record<PatchOptions["type"], string>> = {
	merge: "application/merge-patch+json",
	json: "application/json-patch+json",
	strategic: "application/strategic-merge-patch+json",
	apply: "application/apply-patch+yaml",
};

/**
 * The gateway through which everything of ours reaches the API server. Every call has a deadline and a priority;
 * all failures are {@link KubeError}. There is no PUT: a client that knows fewer fields than the server would
 * delete the others. `T` is what the caller expects and is not checked.
 */
export class Client {
	readonly connection: Connection;
	readonly #limiter: Limiter;
	readonly #userAgent: string;
	readonly #onCall: (record: CallRecord) => void;
	readonly #onDate: NonNullable<ClientOptions["onDate"]>;
	#closed = false;

	constructor(connection: Connection, options: ClientOptions = {}) {
		this.connection = connection;
		this.#limiter = new Limiter({ ...defaultLimits, ...options.limits });
		this.#userAgent = options.userAgent ?? "tradingsafety";
		this.#onCall = options.onCall ?? (() => {});
		this.#onDate = options.onDate ?? (() => {});
	}

	get<T>(path: string, query?: Query, options?: CallOptions): Promise<T> {
		return this.#call("get", path, query, { method: "GET", again: true }, options);
	}

	/** One page; ask for the next with the query `continue`. */
	list<T>(path: string, query?: Query, options?: CallOptions): Promise<List<T>> {
		return this.#call("list", path, query, { method: "GET", again: true }, options);
	}

	create<T>(path: string, body: unknown, query?: Query, options?: CallOptions): Promise<T> {
		const send = {
			method: "POST",
			body: JSON.stringify(body),
			contentType: "application/json",
			again: false,
		};
		return this.#call("create", path, query, send, options);
	}

	/** A list as `body` is JSON patch operations. `metadata.resourceVersion` in a merge patch makes it conditional. */
	patch<T>(path: string, body: unknown, patch: PatchOptions, options?: CallOptions): Promise<T> {
		const query = {
			fieldManager: patch.fieldManager,
			force: patch.force,
			dryRun: patch.dryRun === true ? "All" : undefined,
			fieldValidation: patch.fieldValidation,
		};
		const send = {
			method: "PATCH",
			body: JSON.stringify(body),
			contentType: contentTypes[patch.type],
			// JSON patch operations such as `add` to a list do something else the second time.
			again: patch.type !== "json",
		};
		return this.#call("patch", path, query, send, options);
	}

	/** `body` is DeleteOptions (meta/v1): preconditions, grace period, propagation, `dryRun: ["All"]`. */
	delete<T>(path: string, body?: unknown, options?: CallOptions): Promise<T> {
		const send = {
			method: "DELETE",
			body: JSON.stringify(body ?? {}),
			contentType: "application/json",
			again: true,
		};
		return this.#call("delete", path, undefined, send, options);
	}

	/** The events of one watch. Ends when the server closes it; throws {@link KubeError} for anything else. */
	watch(path: string, query: Query, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
		const target = { path: this.#target(path, query), userAgent: this.#userAgent };
		return openWatch(this.connection, target, options);
	}

	/** Opens `sockets` connections, so that a burst finds them open. Throws when one cannot be opened. */
	async warm(sockets: number, options: CallOptions = {}): Promise<void> {
		const emergency: CallOptions = { ...options, priority: "emergency" };
		await Promise.all(Array.from({ length: sockets }, () => this.get("/version", undefined, emergency)));
	}

	/** Ends all connections at once; calls and watches under way fail. */
	close(): Promise<void> {
		this.#closed = true;
		return this.connection.close();
	}

	async #call<T>(
		verb: Verb,
		path: string,
		query: Query | undefined,
		send: Send,
		options: CallOptions = {},
	): Promise<T> {
		const priority = options.priority ?? "normal";
		const call = `${send.method} ${this.#target(path, query)}`;
		const startedAt = performance.now();
		const deadline = startedAt + (options.deadlineMilliseconds ?? defaultDeadlineMilliseconds);
		const controller = new AbortController();
		let lastError: KubeError | undefined;
		const timer = setTimeout(() => {
			const seconds = ((deadline - startedAt) / 1000).toFixed(1);
			const facts = lastError === undefined ? {} : { cause: lastError, status: lastError.status };
			controller.abort(new KubeError("TIMEOUT", `${call}: no answer within ${seconds} s`, facts));
		}, deadline - startedAt);
		const cancel = () => {
			controller.abort(new KubeError("CANCELLED", `${call}: cancelled`, { cause: options.signal?.reason }));
		};
		options.signal?.addEventListener("abort", cancel);
		if (options.signal?.aborted) cancel();
		let code: CallRecord["code"] = "OK";
		try {
			for (let tries = 1; ; tries += 1) {
				try {
					return await this.#once<T>(call, path, query, send, priority, controller.signal);
				} catch (error) {
					if (!(error instanceof KubeError)) throw error;
					const pause = pauseBeforeRetry(error, tries, send.again, priority);
					if (pause === undefined || this.#closed || performance.now() + pause >= deadline) throw error;
					lastError = error;
					await wait(pause, controller.signal);
				}
			}
		} catch (error) {
			code = error instanceof KubeError ? error.code : "MALFORMED";
			throw error;
		} finally {
			clearTimeout(timer);
			options.signal?.removeEventListener("abort", cancel);
			const seconds = (performance.now() - startedAt) / 1000;
			this.#onCall({ verb, resource: resourceLabel(path), code, seconds, priority });
		}
	}

	async #once<T>(
		call: string,
		path: string,
		query: Query | undefined,
		send: Send,
		priority: Priority,
		signal: AbortSignal,
	): Promise<T> {
		const giveBack = await this.#limiter.acquire(priority, signal);
		let status: number;
		let text: string;
		let retryAfter: string | undefined;
		const sentAt = Date.now();
		try {
			// First, since it may lead elsewhere.
			const authentication = await this.connection.headers();
			const response = await this.connection.calls.request({
				origin: this.connection.server.origin,
				path: this.#target(path, query),
				method: send.method,
				headers: {
					...authentication,
					accept: "application/json",
					"user-agent": this.#userAgent,
					...(send.contentType === undefined ? {} : { "content-type": send.contentType }),
				},
				body: send.body ?? null,
				// Without it undici closes an HTTP/1.1 connection after each DELETE that has a body.
				reset: false,
				signal,
			});
			status = response.statusCode;
			this.#onDate(response.headers.date?.toString(), sentAt);
			retryAfter = response.headers["retry-after"]?.toString();
			text = await response.body.text();
		} catch (error) {
			if (signal.aborted) throw signal.reason;
			if (error instanceof KubeError) throw error;
			throw new KubeError("CONNECTION", `${call}: ${messageOf(error)}`, { cause: error });
		} finally {
			giveBack();
		}
		if (status === 401) this.connection.forgetHeaders();
		if (status >= 400) throw errorFromStatus(call, status, text, retryAfter);
		try {
			return JSON.parse(text) as T;
		} catch (cause) {
			throw new KubeError("MALFORMED", `${call}: the answer is not JSON: ${text.slice(0, 200)}`, {
				status,
				cause,
			});
		}
	}

	#target(path: string, query: Query | undefined): string {
		const parameters = new URLSearchParams();
		for (const [name, value] of Object.entries(query ?? {})) {
			if (value !== undefined) parameters.set(name, String(value));
		}
		const prefix = this.connection.server.pathname.replace(/\/$/, "");
		return `${prefix}${path}${parameters.size > 0 ? `?${parameters}` : ""}`;
	}
}

/** Milliseconds to wait before the next try of a call that failed with `error`, or `undefined` for no next try. */
function pauseBeforeRetry(
	error: KubeError,
	tries: number,
	again: boolean,
	priority: Priority,
): number | undefined {
	// A reset is mostly one dead socket of the pool; the second try takes another.
	if (error.code === "CONNECTION") return again && tries === 1 ? 0 : undefined;
	// With a status of 5xx, only a server that says when to come back has certainly not acted on the call.
	const told =
		error.code === "TOO_MANY_REQUESTS" || (error.code === "SERVER" && error.retryAfterSeconds !== undefined);
	if (!told) return undefined;
	const asked = (error.retryAfterSeconds ?? 1) * 1000;
	const longest = priority === "emergency" ? emergencyPauseMilliseconds : Number.POSITIVE_INFINITY;
	return Math.max(shortestPauseMilliseconds, Math.min(asked, longest)) * (1 + Math.random() / 4);
}

function messageOf(error: unknown): string {
	return error instanceof Error ? `${error.message || error.name}` : String(error);
}
