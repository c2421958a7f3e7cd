import { isDeepStrictEqual } from "node:util";
import { idFrom } from "../../audit/recorder.ts";
import type { Writer } from "../../audit/writer.ts";
import {
	actorOf,
	details,
	entityOf,
	type Happening,
	recordedState,
	witnessed,
} from "../../core/happening.ts";
import type { RecordSeen } from "../../core/recording.ts";
import { specHappenings } from "../../core/spec-happenings.ts";
import { shortlyBefore, statusHappenings } from "../../core/status-happenings.ts";
import type { TradingSafety } from "../../crds/types.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";

/** What is known of one desk. */
type Known = {
	/** The version that was recorded last. */
	readonly object: TradingSafety;
	/** The last happening of what made its generation, and of those before, that the writer took. */
	readonly ticket: number;
	/** What it did not take, to be recorded as soon as it does. While there is any, the desk's record is not stored. */
	readonly owed: readonly Owed[];
};
type Owed = { readonly happening: Happening; readonly at: string };

/** What is recorded with. */
export type RecordWriter = Pick<
	Writer,
	"start" | "stop" | "record" | "lastTicket" | "isStored" | "isOnDisk" | "state"
>;

const lookMilliseconds = 500;
/** What is on its way to the store for less than this is nobody's concern: each entry is, for a moment. */
const graceMilliseconds = 5_000;
/** The first ones and the last: the raise, and how the desk stands now. */
const mostOwed = 64;

/**
 * What has happened here that has to be recorded? Every replica records what it sees, as a witness of its own; what two of them
 * see gets the same id. Nothing waits for it.
 */
export class RecordKeeper implements Controller {
	readonly #context: Context;
	readonly #writer: RecordWriter | undefined;
	readonly #onFinding: (desk: DeskState) => void;
	readonly #desks = new Map<DeskState, Known>();
	#timer: NodeJS.Timeout | undefined;

	/** `writer`: undefined where no record is kept. `onFinding`: how the record of a desk stands has changed. */
	constructor(context: Context, writer: RecordWriter | undefined, onFinding: (desk: DeskState) => void) {
		this.#context = context;
		this.#writer = writer;
		this.#onFinding = onFinding;
	}

	start(): void {
		if (this.#writer === undefined) return;
		this.#writer.start();
		this.#timer = setInterval(() => this.#reviewAll(), lookMilliseconds);
	}

	/** Records what is new about a desk. Called for every version, before the next one comes. */
	look(desk: DeskState): void {
		if (this.#writer === undefined || desk.isOrphan || desk.isForgotten) return;
		const { object: after } = desk;
		const known = this.#desks.get(desk);
		if (known?.object === after) return;
		const before = known?.object;
		const found = specHappenings(before, after, desk.stamped);
		this.#desks.set(desk, { ...(known ?? { ticket: 0, owed: [] }), object: after });
		this.#make(desk, found);
		const then = before ?? shortlyBefore(after);
		if (then !== undefined) {
			for (const happening of statusHappenings(then, after, this.#context.identity)) this.#record(happening);
		}
		// From the first look on: without it status would say that no record is kept.
		if (!isSameGeneration(before, after)) this.#review(desk);
	}

	/** A pod was to acknowledge, and did not in time. */
	silent({ object }: DeskState, pod: string, problem: string | undefined): void {
		this.#record({
			...{ kind: "Claim", action: "NotAcknowledged", sameAs: witnessed(object, "NotAcknowledged", pod) },
			...{ actor: actorOf(this.#context.identity), entity: entityOf(object), after: recordedState(object) },
			metadata: details({ pod, problem }),
		});
	}

	forget(desk: DeskState): void {
		const known = this.#desks.get(desk);
		this.#desks.delete(desk);
		if (known === undefined) return;
		const { object } = known;
		this.#record({
			...{ kind: "Configuration", action: "Deleted", sameAs: witnessed(object, "Deleted") },
			...{ actor: actorOf(undefined), entity: entityOf(object), before: recordedState(object) },
		});
	}

	async stop(): Promise<void> {
		clearInterval(this.#timer);
		for (const desk of this.#desks.keys()) {
			this.look(desk);
			this.#makeGood(desk);
		}
		await this.#writer?.stop();
	}

	/** Records what made a generation: lowering waits for it. */
	#make(desk: DeskState, found: readonly Happening[]): void {
		const known = this.#desks.get(desk);
		if (known === undefined) return;
		let { ticket, owed } = known;
		for (const happening of found) {
			const taken = this.#record(happening);
			if (Number.isFinite(taken)) ticket = taken;
			else owed = [...owed.slice(0, mostOwed - 1), { happening, at: this.#context.clock.now() }];
		}
		this.#desks.set(desk, { ...known, ticket, owed });
	}

	/** What was lost is recorded once nothing waits in memory any more, and says when it was seen. */
	#makeGood(desk: DeskState): void {
		const known = this.#desks.get(desk);
		if (this.#writer === undefined || known === undefined || known.owed.length === 0) return;
		if (!this.#writer.isOnDisk(this.#writer.lastTicket)) return;
		this.#desks.set(desk, { ...known, owed: [] });
		const late = ({ happening, at }: Owed) => ({
			...happening,
			metadata: { ...happening.metadata, ...details({ recordedLate: true, seenAt: at }) },
		});
		this.#make(desk, known.owed.map(late));
	}

	/** What the writer names it by; infinite where it did not take it. */
	#record({ sameAs, changes, ...happening }: Happening): number {
		if (this.#writer === undefined) return Number.POSITIVE_INFINITY;
		this.#context.metrics.recorded.inc({ kind: happening.kind });
		// Both replicas tell of the same: one id, two witnesses.
		return this.#writer.record({
			...{ ...happening, ...(changes && { changes: [...changes] }), id: idFrom(sameAs) },
		});
	}

	#reviewAll(): void {
		if (this.#writer === undefined) return;
		const { recordState, recordWaiting } = this.#context.metrics;
		const state = this.#writer.state();
		recordState.set(stateNumbers[state.kind]);
		recordWaiting.set(state.kind === "Current" ? 0 : state.entries);
		for (const desk of this.#desks.keys()) {
			// What was written to status itself no watch tells of.
			this.look(desk);
			this.#makeGood(desk);
			this.#review(desk);
		}
	}

	#review(desk: DeskState): void {
		const seen = this.#seen(desk);
		if (isDeepStrictEqual(seen, desk.record)) return;
		desk.record = seen;
		this.#onFinding(desk);
	}

	/** Each replica knows its own record only; what the leader knows is said. */
	#seen(desk: DeskState): RecordSeen | undefined {
		const known = this.#desks.get(desk);
		if (this.#writer === undefined || known === undefined) return undefined;
		if (!this.#context.elector.isLeader()) return { kind: "Elsewhere" };
		const isWhole = known.owed.length === 0;
		const isStored = isWhole && this.#writer.isStored(known.ticket);
		const isOnDisk = isWhole && this.#writer.isOnDisk(known.ticket);
		const state = this.#writer.state();
		switch (state.kind) {
			case "Current":
				return { kind: "Current", isStored, isOnDisk };
			case "Failing":
				return { kind: "Failing", isStored, isOnDisk, why: state.why };
			case "Behind": {
				if (state.milliseconds < graceMilliseconds) return { kind: "Current", isStored, isOnDisk };
				return { kind: "Behind", isStored, isOnDisk, ...(state.why !== undefined && { why: state.why }) };
			}
		}
	}
}

const stateNumbers = { Current: 1, Behind: 0, Failing: -1 } as const;

function isSameGeneration(a: TradingSafety | undefined, b: TradingSafety): boolean {
	return a?.metadata.uid === b.metadata.uid && a.metadata.generation === b.metadata.generation;
}
