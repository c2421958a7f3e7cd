import { isDeepStrictEqual } from "node:util";
import { observes } from "../../core/enforcement.ts";
import { asksForEvidence, defaultMaxAgeSeconds, evidenceFinding } from "../../core/evidence.ts";
import { type EvidenceKind, evidenceKinds } from "../../core/readings.ts";
import { isDeadlineOver } from "../../core/signals.ts";
import { type TargetState, targetStates } from "../../core/targets.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { PrometheusClient, read } from "../prometheus.ts";

const pauseMilliseconds = 1_000;

type Watching = {
	/** Since when each target has been seen wanted or held in Emergency, by `performance.now()`. */
	readonly emergencies: Map<string, number>;
	timer: NodeJS.Timeout | undefined;
	prometheus: PrometheusClient | undefined;
	asking: boolean;
};

/**
 * What is left at the venue in Emergency, and whose time is over? Asks Prometheus each second, in every replica, while
 * something is wanted or held in Emergency.
 */
export class EvidenceGatherer implements Controller {
	readonly #context: Context;
	readonly #onFinding: (desk: DeskState) => void;
	readonly #desks = new Map<DeskState, Watching>();
	#stopped = false;

	constructor(context: Context, onFinding: (desk: DeskState) => void) {
		this.#context = context;
		this.#onFinding = onFinding;
	}

	look(desk: DeskState): void {
		if (this.#stopped || desk.isForgotten) return;
		if (!isInEmergency(desk)) {
			desk.evidence = undefined;
			desk.due = new Set();
			this.forget(desk);
			return;
		}
		if (this.#desks.has(desk)) return;
		const watching: Watching = {
			emergencies: new Map(),
			timer: undefined,
			prometheus: undefined,
			asking: false,
		};
		this.#desks.set(desk, watching);
		void this.#tick(desk, watching);
	}

	forget(desk: DeskState): void {
		const watching = this.#desks.get(desk);
		if (watching === undefined) return;
		clearTimeout(watching.timer);
		void watching.prometheus?.close();
		this.#desks.delete(desk);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		for (const desk of [...this.#desks.keys()]) this.forget(desk);
	}

	async #tick(desk: DeskState, watching: Watching): Promise<void> {
		this.#judge(desk, watching);
		if (!watching.asking) {
			watching.asking = true;
			// Beside the deadlines, which wait for nobody's answer.
			void this.#ask(desk, watching).finally(() => {
				watching.asking = false;
			});
		}
		if (this.#desks.get(desk) !== watching) return;
		watching.timer = setTimeout(() => void this.#tick(desk, watching), pauseMilliseconds);
	}

	async #ask(desk: DeskState, watching: Watching): Promise<void> {
		const { spec } = desk.object;
		const { seenAt } = desk;
		if (!asksForEvidence(targetStates(desk.object)) || spec.prometheus === undefined) return;
		const client = await this.#clientOf(watching, spec.prometheus.url);
		const now = () => this.#context.clock.now();
		const asked = evidenceKinds.flatMap((kind) => {
			const question = spec[kind];
			return question === undefined ? [] : [{ kind, question }];
		});
		const readings = await Promise.all(
			asked.map(async ({ kind, question: { query, maxAgeSeconds = defaultMaxAgeSeconds } }) => {
				return [kind, await read(client, query, maxAgeSeconds, now)] as const;
			}),
		);
		if (this.#desks.get(desk) !== watching || desk.seenAt !== seenAt) return;
		for (const [kind, reading] of readings) if ("error" in reading) this.#report(desk, kind, reading.error);
		desk.evidence = Object.fromEntries(readings);
		this.#judge(desk, watching);
		this.#onFinding(desk);
	}

	async #clientOf(watching: Watching, url: string): Promise<PrometheusClient> {
		if (watching.prometheus?.url !== url) {
			await watching.prometheus?.close();
			watching.prometheus = new PrometheusClient(url);
		}
		return watching.prometheus;
	}

	#report(desk: DeskState, kind: EvidenceKind, error: string): void {
		this.#context.metrics.errors.inc({ where: "prometheus" });
		const before = desk.evidence?.[kind];
		if (before !== undefined && "error" in before && before.error === error) return;
		this.#context.log.error({ namespace: desk.namespace, kind, error }, "could not ask Prometheus");
	}

	/** Whose time is over: the desk is flat, or the deadline has come. */
	#judge(desk: DeskState, { emergencies }: Watching): void {
		const states = targetStates(desk.object);
		const isFlat =
			desk.object.spec.flat !== undefined &&
			evidenceFinding("flat", desk.object, desk.facts(), states).status === "True";
		const due = states.filter((state) => {
			const held = this.#heldSeconds(desk, state, emergencies);
			return held !== undefined && state.stopsLater && (isFlat || isDeadlineOver(state, held));
		});
		const names = new Set(due.map(({ spec }) => spec.name));
		if (isDeepStrictEqual(names, desk.due)) return;
		desk.due = names;
		this.#onFinding(desk);
	}

	/** The longer counts of what status says and what this replica saw: status may be lost, and a replica be new. */
	#heldSeconds(desk: DeskState, state: TargetState, emergencies: Map<string, number>): number | undefined {
		const { name } = state.spec;
		if (state.wanted !== "Emergency" && state.held !== "Emergency") {
			emergencies.delete(name);
			return undefined;
		}
		const at = performance.now();
		const since = emergencies.get(name) ?? at;
		emergencies.set(name, since);
		const row = desk.object.status?.targets?.find((target) => target.name === name);
		const now = Date.parse(this.#context.clock.now());
		const said = row?.fencedAs === "Emergency" ? now - Date.parse(row.fencedSince ?? "") : 0;
		return Math.max(Number.isNaN(said) ? 0 : said, at - since) / 1000;
	}
}

function isInEmergency({ object }: DeskState): boolean {
	if (observes(object.spec)) return false;
	return targetStates(object).some(({ wanted, held }) => wanted === "Emergency" || held === "Emergency");
}
