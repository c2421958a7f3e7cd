import type { Indication, Profile, Write } from "./devices/profile.ts";

/** What {@link Lights} needs. `onFailed` must not throw. */
export type LightsOptions = {
	readonly profile: Pick<Profile, "encode" | "refreshMilliseconds">;
	readonly write: (write: Write) => Promise<void>;
	/** A write failed; the next one is tried all the same. */
	readonly onFailed: (error: unknown) => void;
};

/** Keeps what a device shows equal to what it is told to show, one write at a time and the newest only. */
export class Lights {
	readonly #options: LightsOptions;
	#indication: Indication | undefined;
	#tick = 0;
	#sequence = 0;
	/** The bytes on the device, but for the sequence; undefined where nobody knows. */
	#shown: string | undefined;
	#shownAt = Number.NEGATIVE_INFINITY;
	#isWriting = false;
	#isStopped = false;

	constructor(options: LightsOptions) {
		this.#options = options;
	}

	/** From now on it shows this. */
	show(indication: Indication): void {
		this.#indication = indication;
		this.#look();
	}

	/** To be called each quarter of a second: blinks what cannot blink by itself, and feeds a dead-man. */
	tick(): void {
		this.#tick += 1;
		this.#look();
	}

	/** Writes nothing more. */
	stop(): void {
		this.#isStopped = true;
	}

	#look(): void {
		if (!this.#isWriting) void this.#writeUntilShown();
	}

	async #writeUntilShown(): Promise<void> {
		this.#isWriting = true;
		for (let due = this.#due(); due !== undefined && !this.#isStopped; due = this.#due()) {
			try {
				for (const write of due.writes) await this.#options.write(write);
				this.#shown = due.bytes;
				this.#shownAt = performance.now();
			} catch (error) {
				this.#shown = undefined;
				if (!this.#isStopped) this.#options.onFailed(error);
				// The next look tries again, a quarter of a second later at most.
				break;
			}
		}
		this.#isWriting = false;
	}

	#due(): { readonly writes: readonly Write[]; readonly bytes: string } | undefined {
		const { encode, refreshMilliseconds = Number.POSITIVE_INFINITY } = this.#options.profile;
		if (encode === undefined || this.#indication === undefined) return undefined;
		const bytes = encode(this.#indication, { tick: this.#tick, sequence: 0 }).map(hex).join();
		if (bytes === this.#shown && performance.now() - this.#shownAt < refreshMilliseconds) return undefined;
		this.#sequence = (this.#sequence + 1) % 256;
		return { writes: encode(this.#indication, { tick: this.#tick, sequence: this.#sequence }), bytes };
	}
}

const hex = ({ kind, data }: Write) => `${kind} ${Buffer.from(data).toString("hex")}`;
