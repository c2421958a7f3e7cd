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
import { statusHappenings } from "../../core/status-happenings.ts";
import type { TradingSafety } from "../../crds/types.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";

/** What is known of one desk. */
type Known = {
	/** The version that was recorded last. */
	object: TradingSafety;
	/** The last happening of what made its generation. */
	ticket: number;
};

const lookMilliseconds = 500;
/** What is on its way to the store for less than this is nobody's concern: each entry is, for a moment. */
const graceMilliseconds = 5_000;

/**
 * What has happened here that has to be recorded? Every replica records what it sees, as a witness of its own; what two of them
 * see gets the same id. Nothing waits for it.
 */
export class RecordKeeper implements Controller {
	readonly #context: Context;
	readonly #writer: Writer | undefined;
	readonly #onFinding: (desk: DeskState) => void;
	readonly #desks = new Map<DeskState, Known>();
	#timer: NodeJS.Timeout | undefined;

	/** `writer`: undefined where no record is kept. `onFinding`: how the record of a desk stands has changed. */
	constructor(context: Context, writer: Writer | undefined, onFinding: (desk: DeskState) => void) {
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
		for (const happening of found) this.#record(happening);
		const isMoved = !isSameGeneration(before, after);
		const ticket = known === undefined || isMoved ? this.#writer.lastTicket : known.ticket;
		this.#desks.set(desk, { object: after, ticket });
		if (before === undefined) return;
		for (const happening of statusHappenings(before, after, this.#context.identity)) this.#record(happening);
		if (isMoved) this.#review(desk);
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
		await this.#writer?.stop();
	}

	#record({ sameAs, changes, ...happening }: Happening): void {
		if (this.#writer === undefined) return;
		this.#context.metrics.recorded.inc({ kind: happening.kind });
		// Both replicas tell of the same: one id, two witnesses.
		this.#writer.record({ ...happening, ...(changes && { changes: [...changes] }), id: idFrom(sameAs) });
	}

	#reviewAll(): void {
		if (this.#writer === undefined) return;
		const { recordState, recordWaiting } = this.#context.metrics;
		const state = this.#writer.state();
		recordState.set(stateNumbers[state.kind]);
		recordWaiting.set(state.kind === "Current" ? 0 : state.entries);
		for (const desk of this.#desks.keys()) this.#review(desk);
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
		const isStored = this.#writer.isStored(known.ticket);
		const state = this.#writer.state();
		switch (state.kind) {
			case "Current":
				return { kind: "Current", isStored };
			case "Failing":
				return { kind: "Failing", isStored, why: state.why };
			case "Behind": {
				if (state.milliseconds < graceMilliseconds) return { kind: "Current", isStored };
				return { kind: "Behind", isStored, ...(state.why !== undefined && { why: state.why }) };
			}
		}
	}
}

const stateNumbers = { Current: 1, Behind: 0, Failing: -1 } as const;

function isSameGeneration(a: TradingSafety | undefined, b: TradingSafety): boolean {
	return a?.metadata.uid === b.metadata.uid && a.metadata.generation === b.metadata.generation;
}
