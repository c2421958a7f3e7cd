import { isForgettable, type Recovery, type Remembered, recall, recollect } from "../core/memory.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Clock } from "../kube/clock.ts";
import { compareResourceVersions } from "../kube/object.ts";
import type { StateDir } from "./state-dir.ts";

/** A desk as read, with what is remembered of it; `recovery` where it is milder than it should be. */
export type Recalled = { readonly object: TradingSafety; readonly recovery?: Recovery };

/** What this replica remembers of every desk, also of those that are gone. On disk where there is a directory. */
export class Memory {
	readonly #clock: Pick<Clock, "now">;
	readonly #dir: Pick<StateDir, "load" | "keep"> | undefined;
	readonly #desks = new Map<string, Remembered>();
	/** Before it was read the directory is not written: it knows more. */
	#loaded = false;

	constructor(clock: Pick<Clock, "now">, dir?: Pick<StateDir, "load" | "keep">) {
		this.#clock = clock;
		this.#dir = dir;
	}

	/** Reads the directory; `onLoaded` judges at once by it what was seen meanwhile. */
	async load(onLoaded: () => void): Promise<void> {
		if (this.#dir === undefined) return;
		const found = await this.#dir.load();
		for (const [namespace, memory] of found) this.#desks.set(namespace, memory);
		this.#loaded = true;
		onLoaded();
		for (const [namespace, memory] of this.#desks) {
			if (found.get(namespace) !== memory) this.#dir.keep(namespace, memory);
		}
	}

	/** Takes in a version of a desk that is known to be the present one, and remembers it. */
	take(desk: TradingSafety): Recalled {
		const { namespace = "", resourceVersion } = desk.metadata;
		const known = this.#desks.get(namespace);
		const isOlder =
			known !== undefined &&
			known.uid === desk.metadata.uid &&
			(compareResourceVersions(resourceVersion, known.resourceVersion) ?? 0) < 0;
		const { memory, recovery } = recollect(known, desk, isOlder, this.#clock.now());
		if (memory !== known) {
			this.#desks.set(namespace, memory);
			if (this.#loaded) this.#dir?.keep(namespace, memory);
		}
		return { object: recall(desk, memory), ...(recovery && { recovery }) };
	}

	/**
	 * Takes in what the trail tells of desks of which this replica knows nothing, or less: one that lost all it remembered learns
	 * from it that history went back. True when anything is new.
	 */
	learn(told: ReadonlyMap<string, Remembered>): boolean {
		let isNew = false;
		for (const [namespace, memory] of told) {
			const known = this.#desks.get(namespace);
			const isLater = known === undefined || known.uid !== memory.uid || known.generation < memory.generation;
			if (isForgettable(memory) || !isLater || known?.untold === true) continue;
			this.#desks.set(namespace, memory);
			isNew = true;
		}
		return isNew;
	}

	/** The desk is gone. What was halted stays remembered: it may come back milder. */
	lose(namespace: string): void {
		const memory = this.#desks.get(namespace);
		if (memory === undefined || !isForgettable(memory)) return;
		this.#desks.delete(namespace);
		if (this.#loaded) this.#dir?.keep(namespace, undefined);
	}

	/** By namespace. */
	all(): ReadonlyMap<string, Remembered> {
		return this.#desks;
	}
}
