import type { Entry } from "../entry.ts";
import { messageOf } from "../error.ts";
import { sha256 } from "../format/hash.ts";
import type { LineParts } from "../format/line.ts";
import { isPastEnd, type KeyRing, keyProblem, withEntry } from "../log/key-ring.ts";
import { admit, advanced, type Epochs, type Writers } from "../log/writers.ts";
import type { FindingCode } from "./finding.ts";
import { KeyUses } from "./key-uses.ts";
import type { EntryProblem } from "./read.ts";

/** Told of what is wrong with an entry. */
export type Tell = (code: FindingCode, message: string) => void;

type Last = { readonly time: Entry["time"]; readonly wall: number; readonly promisedSeconds?: number };

/** How far a clock may go back, beside what entries say of its error: milliseconds. */
const slackMilliseconds = 1;
/** How far wall and monotonic time may drift apart within one run of a machine: seconds between entries aside. */
const driftMilliseconds = 5_000;
/** What a sign of life may be late by: seconds. */
const lateSeconds = 60;

/** Checks entries in their order, and remembers what the next ones are compared with. */
export class EntryChecker {
	readonly #origin: string;
	readonly #hints = new Map<string, string>();
	readonly #last = new Map<string, Last>();
	readonly #writers = new Map<string, Epochs>();
	readonly #uses = new KeyUses();
	#ring: KeyRing;

	constructor(origin: string, ring: KeyRing) {
		this.#origin = origin;
		this.#ring = ring;
	}

	/** What has come from each writer. */
	get writers(): Writers {
		return Object.fromEntries(this.#writers);
	}

	/** Keys, with those that entries have added or revoked. */
	get ring(): KeyRing {
		return this.#ring;
	}

	/** Checks the entry at this index, of which these problems are known already; undefined where it cannot be read. */
	check(
		{ entry: bytes, key }: LineParts,
		index: number,
		problems: readonly EntryProblem[],
		tell: Tell,
	): Entry | undefined {
		const hint = this.#hintOf(key);
		const problem = keyProblem(this.#ring, hint, index);
		if (problem === "Unknown") tell("KeyUnknown", `its key ${hint} is none of this log`);
		if (problem === "TooEarly") tell("KeyNotYetValid", `its key ${hint} was added later`);
		if (problem === "Revoked") tell("KeyRevoked", `its key ${hint} was revoked before`);
		if (problem === "Expired") tell("KeyExpired", `its key ${hint} was over long before`);
		for (const { code, message } of problems) {
			if (code !== "SignatureWrong" || problem !== "Unknown") tell(code, message);
		}
		if (problems.some(({ code }) => code !== "SignatureWrong")) return undefined;
		const entry: Entry = JSON.parse(bytes.toString());
		if (entry.log !== this.#origin) tell("EntryOfAnotherLog", `it is for the log ${entry.log}`);
		if (problem === undefined && isPastEnd(this.#ring, hint, entry.time.wall)) {
			tell("KeyExpired", `its key ${hint} was over at ${entry.time.wall}`);
		}
		this.#count(entry, hint, tell);
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

	#hintOf(key: string): string {
		const hint = this.#hints.get(key) ?? sha256(Buffer.from(key, "base64")).toString("base64");
		this.#hints.set(key, hint);
		return hint;
	}

	#count({ writer }: Entry, key: string, tell: Tell): void {
		const epochs = this.#writers.get(writer.id) ?? [];
		const admission = admit(epochs, writer, key);
		const what = `counter ${writer.counter} of ${writer.id}, epoch ${writer.epoch}`;
		switch (admission.kind) {
			case "Next":
				this.#writers.set(writer.id, admission.epochs);
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
				this.#writers.set(
					writer.id,
					advanced(epochs, { epoch: writer.epoch, key, next: writer.counter + 1 }),
				);
				return;
			}
			case "OtherKey":
				tell(
					"WriterKeyChanged",
					`${what} is signed by ${key}, and what was there of it by ${admission.expected}`,
				);
				return;
			case "Forgotten":
				tell(
					"CounterRepeated",
					`${what} began before epoch ${admission.oldest}: it was put in once more, or late`,
				);
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
