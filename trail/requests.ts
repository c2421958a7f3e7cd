import type { IncomingMessage, ServerResponse } from "node:http";
import { TrailError } from "./error.ts";

/** How much of one path may be under way at once. */
export type Limits = {
	/** Of one body. */
	readonly bodyBytes: number;
	/** Of all bodies that are not answered yet. */
	readonly waitingBytes: number;
	readonly requests: number;
};

/** How long a caller that is refused may go on sending before it is cut off: milliseconds. */
const lingerMilliseconds = 1_000;

/** Takes bodies within limits: what is over them is refused, and nothing is kept of it. */
export class Intake {
	readonly #limits: Limits;
	readonly #onBytes: (bytes: number) => void;
	#bytes = 0;
	#requests = 0;

	/** `onBytes` is told how many wait now. */
	constructor(limits: Limits, onBytes: (bytes: number) => void) {
		this.#limits = limits;
		this.#onBytes = onBytes;
	}

	/**
	 * Reads the body, and counts it until `act` has settled. Throws `TOO_LARGE`, `BUSY`, `INPUT` when it does not come to its end,
	 * and what `act` throws.
	 */
	async take<T>(request: IncomingMessage, act: (body: Buffer) => Promise<T>): Promise<T> {
		const { bodyBytes, requests } = this.#limits;
		const announced = Number(request.headers["content-length"] ?? 0);
		if (announced > bodyBytes) throw tooLarge(bodyBytes);
		if (this.#requests >= requests)
			throw new TrailError("BUSY", `${requests} requests are under way: try again`);
		this.#requests += 1;
		let held = 0;
		const hold = (bytes: number) => {
			if (held + bytes > bodyBytes) throw tooLarge(bodyBytes);
			if (this.#bytes + bytes > this.#limits.waitingBytes) {
				throw new TrailError("BUSY", `${this.#bytes} bytes wait to be recorded: try again`);
			}
			held += bytes;
			this.#hold(bytes);
		};
		try {
			return await act(await readBody(request, hold));
		} finally {
			this.#hold(-held);
			this.#requests -= 1;
		}
	}

	#hold(bytes: number): void {
		this.#bytes += bytes;
		this.#onBytes(this.#bytes);
	}
}

function tooLarge(most: number): TrailError {
	return new TrailError("TOO_LARGE", `a body of more than ${most} bytes`);
}

function readBody(request: IncomingMessage, hold: (bytes: number) => void): Promise<Buffer> {
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		const onData = (chunk: Buffer) => {
			try {
				hold(chunk.length);
				chunks.push(chunk);
			} catch (error) {
				request.off("data", onData);
				chunks.length = 0;
				reject(error);
			}
		};
		request.on("data", onData);
		request.once("end", () => resolve(Buffer.concat(chunks)));
		request.once("error", (cause) => reject(new TrailError("INPUT", "the body was cut off", { cause })));
		request.once("close", () => reject(new TrailError("INPUT", "the body was cut off")));
	});
}

/** Aborts when whoever asked has gone, or after so many milliseconds. */
export function patience(response: ServerResponse, milliseconds: number): AbortSignal {
	const gone = new AbortController();
	response.once("close", () => gone.abort());
	return AbortSignal.any([gone.signal, AbortSignal.timeout(milliseconds)]);
}

/** Answers. A caller that is still sending is let hear it before it is cut off. */
export function answer(
	request: IncomingMessage,
	response: ServerResponse,
	status: number,
	text: string,
	type = "text/plain; charset=utf-8",
): void {
	if (response.destroyed) return;
	const bytes = Buffer.from(text);
	response.writeHead(status, {
		"content-type": type,
		"content-length": bytes.length,
		"cache-control": "no-store",
		...(status === 503 && { "retry-after": "1" }),
		...(!request.complete && { connection: "close" }),
	});
	if (request.complete) {
		response.end(bytes);
		return;
	}
	response.write(bytes);
	request.resume();
	const end = () => {
		clearTimeout(timer);
		response.end();
	};
	const timer = setTimeout(end, lingerMilliseconds);
	request.once("end", end);
	request.once("close", end);
}
