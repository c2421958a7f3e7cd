import { type ChildProcess, fork } from "node:child_process";
import { createPublicKey, type KeyObject, randomBytes, verify } from "node:crypto";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AuditError, isAuditError, messageOf } from "../error.ts";
import { sha256 } from "../format/hash.ts";
import type { Signer } from "../signer.ts";
import { ecdsaDer } from "./ecdsa.ts";
import type { TokenAnswer, TokenRequest } from "./protocol.ts";
import { parseTokenUri, type TokenKey } from "./uri.ts";

/** How long a token may take: milliseconds. */
export type TokenTimes = {
	/** To open it and log in, with the start of its process. */
	readonly openMilliseconds?: number;
	readonly signMilliseconds?: number;
	/** After it could not be opened, before it is tried again; until then signing fails at once. */
	readonly pauseMilliseconds?: number;
};

type Unnumbered<T> = T extends { readonly number: number } ? Omit<T, "number"> : never;
type Opened = TokenAnswer & { readonly kind: "Opened" };

const program = fileURLToPath(new URL(`token-process${import.meta.url.slice(-3)}`, import.meta.url));
const times = { openMilliseconds: 15_000, signMilliseconds: 10_000, pauseMilliseconds: 1_000 } as const;

/**
 * Signs with a key that does not leave its token (PKCS #11), out of a process of its own: a library that hangs or crashes costs
 * a signature and nothing else. When the token was away the next signature logs in anew. Throws `KEY` for a key that is not
 * there or not fit, `SIGN` for a token that does not answer.
 */
export async function tokenSigner(uri: string, options: TokenTimes = {}): Promise<Signer> {
	const signer = new TokenSigner(parseTokenUri(uri), { ...times, ...options });
	try {
		await signer.open();
		return signer;
	} catch (error) {
		await signer.close();
		throw error;
	}
}

class TokenSigner implements Signer {
	readonly #key: TokenKey;
	readonly #times: Required<TokenTimes>;
	#publicKey: KeyObject | undefined;
	#process: Promise<TokenProcess> | undefined;
	/** Why it could not be opened; until then, on the clock of `performance`, it is not tried again. */
	#failed: { readonly error: AuditError; readonly until: number } | undefined;
	/** The version of the PIN's file that the token has refused: never tried again, since tokens lock after a few. */
	#refused: { readonly error: AuditError; readonly version: string | undefined } | undefined;
	#isClosed = false;

	constructor(key: TokenKey, options: Required<TokenTimes>) {
		this.#key = key;
		this.#times = options;
	}

	get publicKey(): KeyObject {
		if (this.#publicKey === undefined) throw new AuditError("SIGN", "the token was not opened");
		return this.#publicKey;
	}

	async open(): Promise<void> {
		await this.#held();
	}

	async sign(bytes: Uint8Array): Promise<Buffer> {
		const held = this.#process;
		try {
			return await this.#signWith(await this.#held(), bytes);
		} catch (error) {
			if (held === undefined) throw this.#signError(error);
			// The session that was open may be of a token that was taken out and put back meanwhile: once more, with a new one.
			await this.#forget(held);
			try {
				return await this.#signWith(await this.#held(), bytes);
			} catch (again) {
				throw this.#signError(again);
			}
		}
	}

	async close(): Promise<void> {
		this.#isClosed = true;
		const process = await this.#process?.catch(() => undefined);
		process?.end();
	}

	async #signWith(process: TokenProcess, bytes: Uint8Array): Promise<Buffer> {
		const isP256 = this.publicKey.asymmetricKeyType === "ec";
		const request = { kind: "Sign", bytes: isP256 ? sha256(bytes) : bytes } as const;
		const answer = await process.ask(request, this.#times.signMilliseconds);
		if (answer.kind !== "Signed")
			throw this.#error("SIGN", answer.kind === "Failed" ? answer.why : answer.kind);
		const signature = isP256 ? ecdsaDer(answer.signature) : Buffer.from(answer.signature);
		// What is recorded must be what others will verify.
		if (!verify(isP256 ? "sha256" : null, bytes, this.publicKey, signature)) {
			throw this.#error("SIGN", "its signature is not one of the public key beside it");
		}
		return signature;
	}

	#held(): Promise<TokenProcess> {
		if (this.#isClosed) return Promise.reject(this.#error("SIGN", "this signer was closed"));
		if (this.#process !== undefined) return this.#process;
		const { error, until = 0 } = this.#failed ?? {};
		if (error !== undefined && performance.now() < until) return Promise.reject(error);
		if (this.#refused !== undefined && this.#refused.version === this.#pinVersion()) {
			return Promise.reject(this.#refused.error);
		}
		const opened = this.#open();
		this.#process = opened;
		opened.catch(() => this.#forget(opened));
		return opened;
	}

	async #open(): Promise<TokenProcess> {
		const version = this.#pinVersion();
		const process = new TokenProcess();
		try {
			const answer = await process.ask({ kind: "Open", key: this.#key }, this.#times.openMilliseconds);
			if (answer.kind !== "Opened") throw this.#failure(answer, version);
			await this.#prove(process, answer);
			this.#failed = undefined;
			this.#refused = undefined;
			return process;
		} catch (cause) {
			process.end();
			const error = cause instanceof AuditError ? cause : this.#error("SIGN", messageOf(cause), cause);
			this.#failed = { error, until: performance.now() + this.#times.pauseMilliseconds };
			throw error;
		}
	}

	/** That both halves belong together, and that it is the key it was. */
	async #prove(process: TokenProcess, answer: Opened): Promise<void> {
		const key = createPublicKey({ key: Buffer.from(answer.publicKey), format: "der", type: "spki" });
		if (this.#publicKey !== undefined && !this.#publicKey.equals(key)) {
			throw this.#error("SIGN", "another key is there now than when it was opened first");
		}
		this.#publicKey = key;
		await this.#signWith(process, randomBytes(32));
	}

	#failure(answer: TokenAnswer, version: string | undefined): AuditError {
		if (answer.kind !== "Failed") return this.#error("SIGN", `it answers ${answer.kind}`);
		switch (answer.failure) {
			case "Pin": {
				const why = `${answer.why}; the PIN in ${this.#key.pinFile} is not tried again before that file changes`;
				const error = this.#error("KEY", why);
				this.#refused = { error, version };
				return error;
			}
			case "Away":
				return this.#error("SIGN", `${answer.why}; is it there, and may this account reach it?`);
			case "Wrong":
				return this.#error("KEY", answer.why);
		}
	}

	/** Lets go of this process; one that was begun since stays. */
	async #forget(held: Promise<TokenProcess>): Promise<void> {
		if (this.#process === held) this.#process = undefined;
		const process = await held.catch(() => undefined);
		process?.end();
	}

	#signError(cause: unknown): AuditError {
		if (isAuditError(cause, "SIGN")) return cause;
		const why = messageOf(cause);
		return cause instanceof AuditError
			? new AuditError("SIGN", why, { cause })
			: this.#error("SIGN", why, cause);
	}

	#pinVersion(): string | undefined {
		const found = statSync(this.#key.pinFile, { throwIfNoEntry: false });
		return found === undefined ? undefined : `${found.ino} ${found.mtimeMs} ${found.size}`;
	}

	#error(code: "KEY" | "SIGN", why: string, cause?: unknown): AuditError {
		const { token, serial, object, id } = this.#key;
		return new AuditError(code, `key ${object ?? id} in token ${token ?? serial}: ${why}`, { cause });
	}
}

/** The process that holds the token: see token-process.ts. */
class TokenProcess {
	readonly #child: ChildProcess;
	readonly #waiting = new Map<number, PromiseWithResolvers<TokenAnswer>>();
	#lastNumber = 0;
	#ended: Error | undefined;

	constructor() {
		const stdio = ["ignore", "ignore", "inherit", "ipc"] as const;
		this.#child = fork(program, [], { execArgv: [], serialization: "advanced", stdio: [...stdio] });
		// A program that forgot to close a signer must still end.
		this.#child.unref();
		this.#child.channel?.unref();
		this.#child.on("message", (message) => {
			const answer = message as TokenAnswer;
			this.#waiting.get(answer.number)?.resolve(answer);
		});
		this.#child.once("error", (error) => this.#lose(error.message));
		this.#child.once("exit", (code, signal) => this.#lose(`its process ended with ${signal ?? code}`));
	}

	async ask(request: Unnumbered<TokenRequest>, milliseconds: number): Promise<TokenAnswer> {
		if (this.#ended !== undefined) throw this.#ended;
		const number = ++this.#lastNumber;
		const answer = Promise.withResolvers<TokenAnswer>();
		this.#waiting.set(number, answer);
		const timer = setTimeout(() => this.#lose(`it did not answer within ${milliseconds} ms`), milliseconds);
		try {
			this.#child.send({ ...request, number }, (error) => {
				if (error !== null) this.#lose(error.message);
			});
			return await answer.promise;
		} finally {
			clearTimeout(timer);
			this.#waiting.delete(number);
		}
	}

	end(): void {
		this.#lose("it was ended");
	}

	#lose(why: string): void {
		this.#ended ??= new Error(why);
		for (const { reject } of this.#waiting.values()) reject(this.#ended);
		this.#waiting.clear();
		// It may hang within its library, where nothing but this is heard.
		this.#child.kill("SIGKILL");
	}
}
