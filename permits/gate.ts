import { randomBytes } from "node:crypto";
import type { Acknowledgement } from "./acknowledgement.ts";
import { admit, closed, type GateState, openUntil, permissionsAt } from "./admit.ts";
import { decodePermit } from "./decode.ts";
import type { Permissions } from "./permissions.ts";
import { type Duties, longestTtlMilliseconds, type Permit } from "./permit.ts";
import { type KnownKeys, verifyBody } from "./signature.ts";

export type GateOptions = {
	/** Asked for with each message, so that keys can be exchanged while the bot runs. */
	readonly keys: () => KnownKeys;
	/**
	 * Called with what a permit tells the bot to do, before the answer is given: cancel, flatten, tighten; with nothing
	 * where a later epoch asks for nothing more, which ends a flattening. It begins the work and returns; what it
	 * throws is the caller's of {@link Gate.receive}, and the permissions stand.
	 */
	readonly onDuties: (duties: Duties, permit: Permit) => void;
	/** Monotonic, in milliseconds. */
	readonly now?: () => number;
	/** In milliseconds since 1970; used for the age of raises alone. */
	readonly wallNow?: () => number;
	/** A text that nobody can guess; of 96 random bits by default. */
	readonly makeChallenge?: () => string;
};

/** One challenge for each replica that sends permits, and some for answers that were lost. */
const challengesKept = 32;

/**
 * The gate that a bot embeds: paused until the first permit, and again when the last one has run out. On the order
 * path ask {@link Gate.mayOpen}: it compares the monotonic clock with one number, so that an event loop that hung
 * does not keep it open.
 */
export class Gate {
	readonly #options: GateOptions;
	readonly #now: () => number;
	/** Another in each life of the process: it is in its answers, and belongs into its orders at the venue. */
	readonly instance = randomBytes(9).toString("base64url");
	/** When each was made. */
	readonly #challenges = new Map<string, number>();
	#state: GateState = closed;
	/** Until when opening is allowed: the one number on the order path. */
	#openUntil = Number.NEGATIVE_INFINITY;

	constructor(options: GateOptions) {
		this.#options = options;
		this.#now = options.now ?? (() => performance.now());
	}

	/** True while the bot may open or grow a position. */
	mayOpen(): boolean {
		return this.#now() < this.#openUntil;
	}

	/** The newest epoch that this gate knows of; `""` and 0 before the first permit. */
	get epoch(): Acknowledgement["epoch"] {
		const { uid = "", generation } = this.#state;
		return { uid, generation };
	}

	/** All that the bot may do now. */
	permissions(): Permissions {
		return permissionsAt(this.#state, this.#now());
	}

	/**
	 * Takes in one message: the body as it came, and its headers in lower case. The answer is to be sent back.
	 * Throws PermitError `SIGNATURE` and `MALFORMED`, after which nothing has changed.
	 */
	receive(
		body: string,
		headers: Readonly<Record<string, string | readonly string[] | undefined>>,
	): Acknowledgement {
		const { id, sentAt, signer } = verifyBody(body, headers, this.#options.keys());
		const permit = decodePermit(body);
		const challengedAt = this.#redeem(permit.challenge);
		const received = { id, permit, signer, sentAt, ...(challengedAt !== undefined && { challengedAt }) };
		const { state, applied, duties } = admit(this.#state, received, this.#options.wallNow?.() ?? Date.now());
		this.#state = state;
		this.#openUntil = openUntil(state);
		if (duties !== undefined) this.#options.onDuties(duties, permit);
		return this.#acknowledge(applied);
	}

	#acknowledge(applied: Acknowledgement["applied"]): Acknowledgement {
		const challenge = this.#options.makeChallenge?.() ?? randomBytes(12).toString("base64url");
		this.#challenges.set(challenge, this.#now());
		for (const oldest of this.#challenges.keys()) {
			if (this.#challenges.size <= challengesKept) break;
			this.#challenges.delete(oldest);
		}
		const { epoch, instance } = this;
		return { applied, epoch, permissions: this.permissions(), challenge, instance };
	}

	/** When this challenge was made; each is good once, and for as long as a permit could live. */
	#redeem(challenge: string | undefined): number | undefined {
		const madeAt = challenge === undefined ? undefined : this.#challenges.get(challenge);
		if (challenge === undefined || madeAt === undefined) return undefined;
		this.#challenges.delete(challenge);
		return this.#now() - madeAt < longestTtlMilliseconds ? madeAt : undefined;
	}
}
