import type { Entry } from "../entry.ts";
import { messageOf } from "../error.ts";
import { sha256 } from "../format/hash.ts";
import type { LineParts } from "../format/line.ts";
import { isPastEnd, type KeyRing, keyProblem, withEntry } from "../log/key-ring.ts";
import { admit, advanced, type Epochs, type Writers } from "../log/writers.ts";
import { KeyUses } from "./key-uses.ts";
import type { EntryProblem } from "./read.ts";
import { type Tell, Times } from "./times.ts";

type Opened = { readonly entry: Entry; readonly hint: string; readonly ring: KeyRing };

/** Checks entries in their order, and remembers what the next ones are compared with. */
export class EntryChecker {
	readonly #origin: string;
	readonly #hints = new Map<string, string>();
	readonly #times = new Times();
	readonly #writers = new Map<string, Epochs>();
	readonly #uses = new KeyUses();
	#ring: KeyRing;
	#hasLost = false;

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

	/** True once entries could not be seen: what has come from each writer is not known since. */
	get hasLost(): boolean {
		return this.#hasLost;
	}

	/** Entries up to this size could not be seen, or not all of them: what follows from that is not told once more. */
	lost(size: number): void {
		this.#hasLost = true;
		this.#times.lost(size);
	}

	/**
	 * Checks the entry at this index, of which these problems are known already; undefined where it cannot be read, or where it is in
	 * doubt who wrote it. Of such an entry nothing is believed: neither its counter nor a key that it adds.
	 */
	check(parts: LineParts, index: number, problems: readonly EntryProblem[], tell: Tell): Entry | undefined {
		const opened = this.#open(parts, index, problems, tell);
		if (opened === undefined) return undefined;
		const { entry, hint, ring } = opened;
		const place = this.#count(entry, hint, tell);
		if (place === "Foreign") return undefined;
		// What is there twice says nothing of what time it is.
		if (place === "Again") return entry;
		this.#times.check(entry, index, hint, tell);
		this.#use(entry, ring, hint, index, tell);
		return entry;
	}

	/**
	 * Checks an entry that no checkpoint covers as it is there. Its place among the others proves nothing, so that neither counter nor
	 * time is looked at; keys it adds and revokes all the same, as far as it is signed: those after it are not to be unknown.
	 */
	checkAlone(parts: LineParts, index: number, problems: readonly EntryProblem[], tell: Tell): void {
		const opened = this.#open(parts, index, problems, tell);
		if (opened !== undefined) this.#use(opened.entry, opened.ring, opened.hint, index, tell);
	}

	/** Who promised a sign of life and has not kept it, by that time, or by what the others say? */
	end(at: number | undefined, tell: (writer: string, message: string) => void): void {
		this.#times.end(at, tell);
	}

	/** Reads an entry that nothing is wrong with by itself; with the keys that are good after it. */
	#open(
		{ entry: bytes, key }: LineParts,
		index: number,
		problems: readonly EntryProblem[],
		tell: Tell,
	): Opened | undefined {
		const hint = this.#hintOf(key);
		const problem = keyProblem(this.#ring, hint, index);
		if (problem === "Unknown") tell("KeyUnknown", `its key ${hint} is none of this log`);
		if (problem === "TooEarly") tell("KeyNotYetValid", `its key ${hint} was added later`);
		if (problem === "Revoked") tell("KeyRevoked", `its key ${hint} was revoked before`);
		if (problem === "Expired") tell("KeyExpired", `its key ${hint} was over long before`);
		for (const { code, message } of problems) {
			if (code !== "SignatureWrong" || problem !== "Unknown") tell(code, message);
		}
		if (problem !== undefined || problems.length > 0) return undefined;
		const entry: Entry = JSON.parse(bytes.toString());
		if (entry.log !== this.#origin) {
			tell("EntryOfAnotherLog", `it is for the log ${entry.log}`);
			return undefined;
		}
		if (isPastEnd(this.#ring, hint, entry.time.wall)) {
			tell("KeyExpired", `its key ${hint} was over at ${entry.time.wall}`);
			return undefined;
		}
		try {
			return { entry, hint, ring: withEntry(this.#ring, entry, index) };
		} catch (error) {
			tell("EntryMalformed", messageOf(error));
			return undefined;
		}
	}

	/** Takes over the keys after an entry, and remembers which one has signed it. */
	#use(entry: Entry, ring: KeyRing, hint: string, index: number, tell: Tell): void {
		this.#ring = ring;
		this.#uses.add(hint, index);
		const doubted = entry.kind === "KeyRevoked" ? this.#uses.doubted(ring, entry.entity.id) : undefined;
		if (doubted === undefined) return;
		const { first, last, entries } = doubted;
		tell(
			"KeyRevoked",
			`${entries} entries from ${first} to ${last} are signed by the key that this one revokes: whose they are is in doubt`,
		);
	}

	#hintOf(key: string): string {
		const hint = this.#hints.get(key) ?? sha256(Buffer.from(key, "base64")).toString("base64");
		this.#hints.set(key, hint);
		return hint;
	}

	/** `Foreign`: another key wrote what is there of its epoch. */
	#count({ writer }: Entry, key: string, tell: Tell): "New" | "Again" | "Foreign" {
		const epochs = this.#writers.get(writer.id) ?? [];
		const admission = admit(epochs, writer, key);
		const what = `counter ${writer.counter} of ${writer.id}, epoch ${writer.epoch}`;
		switch (admission.kind) {
			case "Next":
				this.#writers.set(writer.id, admission.epochs);
				return "New";
			case "Known":
				tell("CounterRepeated", `${what} was there before`);
				return "Again";
			case "Gap": {
				if (!this.#times.isUnsure(writer.id)) {
					tell(
						"CounterGap",
						`${what} comes where ${admission.expected} is expected: what was between is missing`,
					);
				}
				// Told once, not for each entry after it.
				this.#writers.set(
					writer.id,
					advanced(epochs, { epoch: writer.epoch, key, next: writer.counter + 1 }),
				);
				return "New";
			}
			case "OtherKey":
				tell(
					"WriterKeyChanged",
					`${what} is signed by ${key}, and what was there of it by ${admission.expected}`,
				);
				return "Foreign";
			case "Forgotten":
				tell(
					"CounterRepeated",
					`${what} began before epoch ${admission.oldest}: it was put in once more, or late`,
				);
				return "Again";
		}
	}
}
