import { StringDecoder } from "node:string_decoder";
import type { Dispatcher } from "undici";
import type { Connection } from "./connection.ts";
import { errorFromStatus, KubeError } from "./error.ts";
import type { KubeObject } from "./object.ts";

/** One line of a watch. ERROR lines are thrown instead. */
export type WatchEvent = {
	readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
	readonly object: KubeObject & { readonly metadata: { readonly resourceVersion: string } };
};

export type WatchOptions = {
	readonly signal: AbortSignal;
	/** How long the server may take until it has accepted the watch. */
	readonly openMilliseconds: number;
	/** How long the connection may be silent before it counts as half-open (`TIMEOUT`). */
	readonly silenceMilliseconds: number;
	/** The server has accepted the watch. */
	readonly onOpen?: () => void;
};

/** An object of etcd has at most 1.5 MiB by default; a longer line is no event. */
const longestLineBytes = 16 * 1024 * 1024;

/**
 * Sends a watch request and yields its events in order. Returns when the server closes the watch properly.
 * Throws `CONNECTION` (reset, cut in the middle of a line), `TIMEOUT` (never accepted, or silent), `MALFORMED`
 * (a line that is no event), `CANCELLED`, or the code of the status that the server answered or sent as ERROR
 * event: `GONE` where the resource version is too old.
 */
export async function* openWatch(
	connection: Connection,
	target: { readonly path: string; readonly userAgent: string },
	options: WatchOptions,
): AsyncGenerator<WatchEvent, void> {
	const call = `WATCH ${target.path}`;
	const controller = new AbortController();
	const cancel = () => controller.abort(new KubeError("CANCELLED", `${call}: cancelled`));
	const giveUp = (what: string, milliseconds: number) =>
		controller.abort(new KubeError("TIMEOUT", `${call}: ${what} for ${milliseconds} ms`));
	let timer = setTimeout(giveUp, options.openMilliseconds, "not accepted", options.openMilliseconds);
	options.signal.addEventListener("abort", cancel);
	if (options.signal.aborted) cancel();
	try {
		const response = await send(connection, target, controller.signal);
		clearTimeout(timer);
		timer = setTimeout(giveUp, options.silenceMilliseconds, "silent", options.silenceMilliseconds);
		if (response.statusCode !== 200) {
			if (response.statusCode === 401) connection.forgetHeaders();
			const body = await response.body.text();
			const retryAfter = response.headers["retry-after"]?.toString();
			throw errorFromStatus(call, response.statusCode, body, retryAfter);
		}
		options.onOpen?.();
		const lines = new LineSplitter(call);
		for await (const chunk of response.body) {
			timer.refresh();
			for (const line of lines.push(chunk)) yield parseEvent(call, line);
		}
		if (lines.rest() !== "") throw new KubeError("CONNECTION", `${call}: cut in the middle of a line`);
	} catch (error) {
		if (controller.signal.aborted) throw controller.signal.reason;
		if (error instanceof KubeError) throw error;
		const message = error instanceof Error ? error.message : String(error);
		throw new KubeError("CONNECTION", `${call}: ${message}`, { cause: error });
	} finally {
		clearTimeout(timer);
		options.signal.removeEventListener("abort", cancel);
	}
}

async function send(
	connection: Connection,
	target: { readonly path: string; readonly userAgent: string },
	signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
	const headers = {
		...(await connection.headers()),
		accept: "application/json",
		"user-agent": target.userAgent,
	};
	const { origin } = connection.server;
	return connection.watches.request({ origin, path: target.path, method: "GET", headers, signal });
}

/** Cuts bytes into lines, however chunks and characters are split. */
class LineSplitter {
	readonly #call: string;
	readonly #decoder = new StringDecoder("utf8");
	#rest = "";

	constructor(call: string) {
		this.#call = call;
	}

	push(chunk: Buffer): readonly string[] {
		const lines = (this.#rest + this.#decoder.write(chunk)).split("\n");
		this.#rest = lines.pop() ?? "";
		if (this.#rest.length > longestLineBytes) {
			throw new KubeError("MALFORMED", `${this.#call}: a line of more than ${longestLineBytes} bytes`);
		}
		return lines.filter((line) => line.trim() !== "");
	}

	rest(): string {
		return this.#rest.trim();
	}
}

function parseEvent(call: string, line: string): WatchEvent {
	let event: { readonly type?: unknown; readonly object?: unknown };
	try {
		event = JSON.parse(line);
	} catch (cause) {
		throw new KubeError("MALFORMED", `${call}: a line is not JSON: ${line.slice(0, 200)}`, { cause });
	}
	const { type, object } = event ?? {};
	switch (type) {
		case "ERROR": {
			const status = (object as { readonly code?: unknown } | undefined)?.code;
			throw errorFromStatus(call, typeof status === "number" ? status : 500, JSON.stringify(object));
		}
		case "ADDED":
		case "MODIFIED":
		case "DELETED":
		case "BOOKMARK": {
			const metadata = (object as Partial<KubeObject> | undefined)?.metadata;
			// The metadata of a bookmark has nothing but the resource version.
			const named = type === "BOOKMARK" || typeof metadata?.name === "string";
			if (typeof metadata?.resourceVersion !== "string" || !named) break;
			return { type, object: object as WatchEvent["object"] };
		}
	}
	throw new KubeError("MALFORMED", `${call}: not a watch event: ${line.slice(0, 200)}`);
}
