import type { Logger } from "pino";
import type { Happening } from "../audit/recorder.ts";
import type { Writer, WriterState } from "../audit/writer.ts";
import type { Metrics } from "./metrics.ts";

/** What {@link Recording} works with. */
export type RecordingOptions = {
	readonly writer: Pick<Writer, "start" | "record" | "state" | "stop">;
	readonly metrics: Pick<Metrics, "recordState">;
	readonly log: Logger;
};

/** How the record stands. `late`: so that somebody is to be told. */
export type RecordState = { readonly late: boolean; readonly text: string };

const lookMilliseconds = 1_000;
/** A store that takes a moment is no news. */
const lateMilliseconds = 10_000;

/** The record of this sidecar: nothing waits for it, and when it is late that is told of. */
export class Recording {
	readonly #options: RecordingOptions;
	#timer: NodeJS.Timeout | undefined;
	/** Since when not all of it was in the store, of a monotonic clock: a disk that hangs says nothing itself. */
	#behindSince: number | undefined;
	#wasLate = false;

	constructor(options: RecordingOptions) {
		this.#options = options;
	}

	start(): void {
		this.#options.writer.start();
		this.#timer = setInterval(() => this.#look(), lookMilliseconds);
	}

	/** Records what happens now. Never waits, never throws. */
	record(happening: Happening): void {
		this.#options.writer.record(happening);
	}

	state(): RecordState {
		return recordState(this.#options.writer.state(), this.#behindMilliseconds());
	}

	/** Records that it ends on purpose. What is not in the store by then goes there the next time. */
	async stop(): Promise<void> {
		clearInterval(this.#timer);
		await this.#options.writer.stop();
	}

	#behindMilliseconds(): number {
		return this.#behindSince === undefined ? 0 : performance.now() - this.#behindSince;
	}

	#look(): void {
		const { writer, metrics, log } = this.#options;
		const { kind } = writer.state();
		if (kind === "Current") this.#behindSince = undefined;
		else this.#behindSince ??= performance.now();
		for (const state of ["Current", "Behind", "Failing"] as const) {
			metrics.recordState.set({ state }, state === kind ? 1 : 0);
		}
		const { late, text: record } = this.state();
		if (late === this.#wasLate) return;
		this.#wasLate = late;
		if (late) log.error({ record }, "the record is not written: presses go on without");
		else log.info({ record }, "the record is written again");
	}
}

/** What there is to say of a record of which something has been waiting for so long. */
export function recordState(state: WriterState, behindMilliseconds: number): RecordState {
	switch (state.kind) {
		case "Current":
			return { late: false, text: "Current" };
		case "Behind": {
			const milliseconds = Math.max(state.milliseconds, behindMilliseconds);
			const why = state.why === undefined ? "" : `, ${state.why}`;
			const text = `Behind: ${state.entries} entries for ${Math.floor(milliseconds / 1_000)} s${why}`;
			return { late: milliseconds > lateMilliseconds, text };
		}
		case "Failing":
			return { late: true, text: `Failing: ${state.why}` };
	}
}
