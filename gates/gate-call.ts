import { Pool } from "undici";
import { type Acknowledgement, decodeAcknowledgement } from "../permits/acknowledgement.ts";
import { isPermitError } from "../permits/error.ts";
import type { SignedHeaders } from "../permits/signature.ts";
import { GateError, type GateErrorCode } from "./error.ts";

/** Longer than any permit lives, so that its renewals find the connection open. */
const idleMilliseconds = 70_000;
/** A raise goes out beside renewals that hang. */
const connections = 4;
/** No answer of a gate is longer. */
const answerBytes = 16_384;

/** A signed message, as it is sent. */
export type Message = { readonly body: string; readonly headers: SignedHeaders };

/** The way to the gate of one pod, with connections of its own. */
export class GateCall {
	readonly #pool: Pool;
	readonly #path: string;

	/** `origin`: scheme, address and port. */
	constructor(origin: string, path: string) {
		this.#path = path;
		this.#pool = new Pool(origin, {
			connections,
			pipelining: 1,
			keepAliveTimeout: idleMilliseconds,
			keepAliveMaxTimeout: idleMilliseconds,
			maxResponseSize: answerBytes,
			connect: { timeout: 1_000 },
		});
	}

	/** Sends one message. Throws GateError. */
	async send({ body, headers }: Message, milliseconds: number): Promise<Acknowledgement> {
		try {
			const { statusCode, body: answer } = await this.#pool.request({
				path: this.#path,
				method: "POST",
				headers: { ...headers, "content-type": "application/json" },
				body,
				signal: AbortSignal.timeout(milliseconds),
			});
			const text = await answer.text();
			if (statusCode !== 200) {
				const code = statusCode === 401 ? "KeyUnknown" : "Refused";
				throw new GateError(code, `it answered ${statusCode}: ${text.slice(0, 200)}`);
			}
			return decodeAcknowledgement(text);
		} catch (cause) {
			if (cause instanceof GateError) throw cause;
			throw new GateError(codeOf(cause), whatCame(cause, milliseconds), { cause });
		}
	}

	/** Ends what is under way. */
	close(): Promise<void> {
		return this.#pool.destroy();
	}
}

function codeOf(cause: unknown): GateErrorCode {
	if (isPermitError(cause)) return "NoAcknowledgement";
	return isRefused(cause) ? "NobodyListens" : "NoAnswer";
}

const isRefused = (cause: unknown) =>
	cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";

function whatCame(cause: unknown, milliseconds: number): string {
	if (isPermitError(cause)) return cause.message;
	if (!(cause instanceof Error)) return String(cause);
	if (cause.name === "TimeoutError") return `no answer within ${milliseconds} ms`;
	if (isRefused(cause)) return "nobody listens there (ECONNREFUSED)";
	return `${"code" in cause ? String(cause.code) : ""} ${cause.message}`.trim();
}
