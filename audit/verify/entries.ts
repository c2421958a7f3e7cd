import { createPublicKey, type KeyObject } from "node:crypto";
import { decodeEntry, type Entry } from "../entry.ts";
import { isAuditError, messageOf } from "../error.ts";
import { sha256 } from "../format/hash.ts";
import { isSignedBy } from "../format/keys.ts";
import type { Signed } from "../format/leaf.ts";
import { isPastEnd, type KeyRing, keyProblem, withEntry } from "../log/key-ring.ts";
import { admit, type Writers } from "../log/writers.ts";
import type { FindingCode } from "./finding.ts";
import { KeyUses } from "./key-uses.ts";

/** Told of what is wrong with an entry. */
export type Tell = (code: FindingCode, message: string) => void;

type Last = { readonly time: Entry["time"]; readonly wall: number; readonly promisedSeconds?: number };

/** How far a clock may go back, beside what entries say of its error: milliseconds. */
const slackMilliseconds = 1;
/** How far wall and monotonic time may drift apart within one run of a machine: seconds between entries aside. */
const driftMilliseconds = 5_000;
/** What a sign of life may be late by: seconds. */
const lateSeconds = 60;

/** Checks entries one after the other, and remembers what the next ones are compared with. */
export class EntryChecker {
	readonly #origin: string;
	readonly #withSignatures: boolean;
	readonly #keys = new Map<string, KeyObject>();
	readonly #last = new Map<string, Last>();
	#writers: Writers = {};
	readonly #uses = new KeyUses();
	#ring: KeyRing;

	constructor(
		origin: string,
		ring: KeyRing,
		{ withSignatures = true }: { readonly withSignatures?: boolean } = {},
	) {
		this.#origin = origin;
		this.#ring = ring;
		this.#withSignatures = withSignatures;
	}

	/** What has come from each writer. */
	get writers(): Writers {
		return this.#writers;
	}

	/** Keys, with those that entries have added or revoked. */
	get ring(): KeyRing {
		return this.#ring;
	}

	/** Checks the entry at this index; undefined where it cannot be read. */
	check({ entry: bytes, signature, key }: Signed, index: number, tell: Tell): Entry | undefined {
		const hint = sha256(key).toString("base64");
		const problem = keyProblem(this.#ring, hint, index);
		if (problem === "Unknown") tell("KeyUnknown", `its key ${hint} is none of this log`);
		if (problem === "TooEarly") tell("KeyNotYetValid", `its key ${hint} was added later`);
		if (problem === "Revoked") tell("KeyRevoked", `its key ${hint} was revoked before`);
		if (problem === "Expired") tell("KeyExpired", `its key ${hint} was over long before`);
		if (this.#withSignatures && problem !== "Unknown" && !this.#isSigned(hint, key, bytes, signature)) {
			tell("SignatureWrong", `its signature is not one of key ${hint}`);
		}
		let entry: Entry;
		try {
			entry = decodeEntry(bytes);
		} catch (error) {
			if (!isAuditError(error, "FORMAT", "ENTRY")) throw error;
			const isJson = isAuditError(error, "ENTRY");
			tell(isJson ? "EntryMalformed" : "EntryNotCanonical", error.message);
			return undefined;
		}
		if (entry.log !== this.#origin) tell("EntryOfAnotherLog", `it is for the log ${entry.log}`);
		if (problem === undefined && isPastEnd(this.#ring, hint, entry.time.wall)) {
			tell("KeyExpired", `its key ${hint} was over at ${entry.time.wall}`);
		}
		this.#count(entry, tell);
		this.#time(entry, tell);
		try {
			this.#ring = withEntry(this.#ring, entry, index);
		} catch (error) {
			tell("EntryMalformed", messageOf(error));
		}
		this.#uses.add(hint, index);
		const doubted = entry.kind === "KeyRevoked" ? this.#uses.doubted(this.#ring, entry.entity.id) : undefined;
		if (doubted !== undefined) {
			const { first, last, entries } = doubted;
			tell(
				"KeyRevoked",
				`${entries} entries from ${first} to ${last} are signed by the key that this one revokes: whose they are is in doubt`,
			);
		}
		return entry;
	}

	/** Told at the end, with what time it was then: who promised a sign of life and has not kept it? */
	end(now: number, tell: (writer: string, message: string) => void): void {
		for (const [name, { wall, promisedSeconds, time }] of this.#last) {
			if (promisedSeconds === undefined || now - wall <= (promisedSeconds + lateSeconds) * 1_000) continue;
			const [writer = ""] = name.split("\n");
			tell(
				writer,
				`${writer} promised to be heard of within ${promisedSeconds} s after ${time.wall}, and was not`,
			);
		}
	}

	#isSigned(hint: string, der: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
		try {
			const key =
				this.#keys.get(hint) ?? createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
			this.#keys.set(hint, key);
			return isSignedBy(key, bytes, signature);
		} catch {
			// What is no key has signed nothing.
			return false;
		}
	}

	#count({ writer }: Entry, tell: Tell): void {
		const admission = admit(this.#writers, writer);
		const what = `counter ${writer.counter} of ${writer.id}, epoch ${writer.epoch}`;
		switch (admission.kind) {
			case "Next":
				this.#writers = admission.writers;
				return;
			case "Known":
				tell("CounterRepeated", `${what} was there before`);
				return;
			case "Gap": {
				tell(
					"CounterGap",
					`${what} comes where ${admission.expected} is expected: what was between is missing`,
				);
				// Told once, not for each entry after it.
				const others = (this.#writers[writer.id] ?? []).filter(({ epoch }) => epoch !== writer.epoch);
				const next = { epoch: writer.epoch, next: writer.counter + 1 };
				this.#writers = { ...this.#writers, [writer.id]: [...others, next] };
			}
		}
	}

	#time({ kind, writer, time, metadata }: Entry, tell: Tell): void {
		const name = `${writer.id}\n${writer.epoch}`;
		const wall = Date.parse(time.wall);
		const before = this.#last.get(name);
		const promised = Number(metadata?.nextWithinSeconds ?? Number.NaN);
		const promisedSeconds = kind === "Heartbeat" ? promised : before?.promisedSeconds;
		const keeps = kind !== "Stopped" && promisedSeconds !== undefined && Number.isFinite(promisedSeconds);
		this.#last.set(name, { time, wall, ...(keeps && { promisedSeconds }) });
		if (before === undefined) return;
		if (before.promisedSeconds !== undefined) {
			const late = wall - before.wall - (before.promisedSeconds + lateSeconds) * 1_000;
			const from = `${writer.id} promised to be heard of within ${before.promisedSeconds} s after ${before.time.wall}`;
			if (late > 0) tell("HeartbeatMissing", `${from}, and was ${Math.round(late / 1_000)} s late`);
		}
		if (kind === "ClockStepped") return;
		const error = ((time.errorMicroseconds ?? 0) + (before.time.errorMicroseconds ?? 0)) / 1_000;
		if (wall < before.wall - error - slackMilliseconds) {
			tell(
				"EntryBackdated",
				`its time ${time.wall} is before ${before.time.wall}, which ${writer.id} wrote earlier`,
			);
			return;
		}
		if (time.boot !== before.time.boot) return;
		const passed = Number(BigInt(time.monotonic) - BigInt(before.time.monotonic)) / 1e6;
		if (Math.abs(wall - before.wall - passed) > driftMilliseconds + error) {
			const by = `${Math.round((wall - before.wall) / 1_000)} s later by its wall clock, ${Math.round(passed / 1_000)} s by the machine's timer`;
			tell(
				"EntryBackdated",
				`its time ${time.wall} contradicts its timer: it is ${by}, and no entry says that the clock was set`,
			);
		}
	}
}
