import { connect, type Socket } from "node:net";
import { createAnswerReader, type HttpAnswer } from "./answers.ts";
import { BotError } from "./error.ts";

/** A connection on which requests go out in the order in which they are made, without waiting for answers. */
export type Line = {
	/**
	 * Sends a request and resolves with the JSON that is answered. `ask` is called when all else is ready: if it says yes,
	 * the very next thing is the write to the socket. Throws `REFUSED`, `LINE` and `ANSWER`.
	 */
	readonly post: <T>(path: string, body: object, ask?: () => boolean) => Promise<T>;
	/** Ends it; what is under way fails with `LINE`. */
	readonly close: () => void;
};

type Waiting = {
	readonly resolve: (answer: HttpAnswer) => void;
	readonly reject: (error: unknown) => void;
};

/** A server that is silent for so long while it owes an answer is lost. */
const silenceMilliseconds = 10_000;

/** A line to a server on HTTP. It connects when it is first needed, and again after it was lost. */
export function createLine(origin: string): Line {
	const { hostname, port, host } = new URL(origin);
	let open: { readonly socket: Socket; readonly ready: Promise<void>; waiting: Waiting[] } | undefined;
	let isClosed = false;

	function connection() {
		if (open !== undefined) return open;
		const socket = connect({ host: hostname, port: Number(port), noDelay: true });
		const ready = new Promise<void>((resolve, reject) => {
			socket.once("connect", resolve);
			socket.once("close", () => reject(new BotError("LINE", `${origin} does not answer`)));
		});
		// Whoever waits for it is told; nobody may.
		ready.catch(() => undefined);
		const made = { socket, ready, waiting: [] as Waiting[] };
		open = made;
		const read = createAnswerReader((answer) => made.waiting.shift()?.resolve(answer));
		socket.on("data", (chunk: Buffer) => {
			try {
				read(chunk);
			} catch {
				socket.destroy();
			}
		});
		socket.setTimeout(silenceMilliseconds, () => {
			if (made.waiting.length > 0) socket.destroy();
		});
		// An error is followed by close.
		socket.on("error", () => undefined);
		socket.once("close", () => {
			if (open === made) open = undefined;
			for (const { reject } of made.waiting) reject(new BotError("LINE", `${origin} was lost`));
		});
		return made;
	}

	async function send(path: string, body: object, ask?: () => boolean): Promise<HttpAnswer> {
		if (isClosed) throw new BotError("LINE", "closed");
		const { socket, ready, waiting } = connection();
		await ready;
		const text = JSON.stringify(body);
		const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
		const message = `${head}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
		// What cannot leave now would leave at a time of which nobody has asked the gate.
		if (ask !== undefined && socket.writableLength > 0) throw new BotError("REFUSED", "the line is full");
		if (ask !== undefined && !ask()) throw new BotError("REFUSED", "not allowed");
		socket.write(message);
		return new Promise((resolve, reject) => {
			if (socket.destroyed) reject(new BotError("LINE", `${origin} was lost`));
			else waiting.push({ resolve, reject });
		});
	}

	return {
		async post<T>(path: string, body: object, ask?: () => boolean): Promise<T> {
			const answer = await send(path, body, ask);
			if (answer.status !== 200) throw new BotError("ANSWER", `${path}: ${answer.status} ${answer.body}`);
			return JSON.parse(answer.body) as T;
		},
		close() {
			isClosed = true;
			open?.socket.destroy();
		},
	};
}
