import { randomUUID } from "node:crypto";
import type { EntryTime } from "./clock.ts";
import { type Entry, encodeEntry } from "./entry.ts";
import { sha256 } from "./format/hash.ts";
import { spkiOf } from "./format/keys.ts";
import type { Signer } from "./signer.ts";
import type { Spool } from "./spool/spool.ts";

/** What happened, without what the recorder adds itself. */
export type Happening = Omit<Entry, "version" | "log" | "id" | "writer" | "time"> & {
	/** Of the entry, where several record the same (see {@link idFrom}); otherwise a new one. */
	readonly id?: string;
	/** When it happened, if that was before now. */
	readonly time?: EntryTime;
};

/** The id that everybody gives what has this name: a UUID of version 8 (RFC 9562) out of its SHA-256. */
export function idFrom(name: string): string {
	const bytes = sha256(Buffer.from(name)).subarray(0, 16);
	bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f);
	bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
	const hex = bytes.toString("hex");
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** What a {@link Recorder} works with. */
export type RecorderOptions = {
	readonly spool: Spool;
	readonly signer: Signer;
	/** The name of the log. */
	readonly log: string;
	/** Of whoever records: stays the same for as long as its spool. */
	readonly writer: string;
	readonly clock: () => EntryTime;
};

/** Turns what happens into signed entries on the disk. */
export class Recorder {
	readonly #options: RecorderOptions;

	constructor(options: RecorderOptions) {
		this.#options = options;
	}

	/**
	 * Records what happened, with the time of this call; resolves with its counter when it is on the disk. Throws `ENTRY` for
	 * what cannot be an entry, `SIGN`, and `SPOOL`.
	 */
	record({ time = this.#options.clock(), id = randomUUID(), ...happening }: Happening): Promise<number> {
		const { spool, signer, log, writer } = this.#options;
		const fixed = { version: 1, log, id, time } as const;
		return spool.append(async (place) => {
			const entry = encodeEntry({ ...happening, ...fixed, writer: { id: writer, ...place } });
			return { entry, signature: await signer.sign(entry), key: spkiOf(signer.publicKey) };
		});
	}
}
