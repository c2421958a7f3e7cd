import { observes } from "../core/enforcement.ts";
import { isProven } from "../core/facts.ts";
import { stopPlan } from "../core/plan.ts";
import { stateWord } from "../core/sighting.ts";
import type { DeskState } from "./desk-state.ts";
import type { Metrics } from "./metrics.ts";

type Stage = "fenced" | "told" | "enforced";

/** Measures how long the stages of each transition take, from when this replica saw it. */
export class StageTimer {
	readonly #metrics: Metrics;
	readonly #open = new Map<DeskState, { readonly generation: number; readonly stages: Set<Stage> }>();

	constructor(metrics: Metrics) {
		this.#metrics = metrics;
	}

	/** Looks which stages of the present generation are over. */
	look(desk: DeskState): void {
		const generation = desk.object.metadata.generation ?? 0;
		let open = this.#open.get(desk);
		if (open?.generation !== generation) {
			// What is only observed has no stages.
			const stages: readonly Stage[] = observes(desk.object.spec) ? [] : ["fenced", "told", "enforced"];
			open = { generation, stages: new Set(stages) };
			this.#open.set(desk, open);
		}
		if (open.stages.size === 0) return;
		if (isProven(desk.fence, desk.object.metadata)) this.#end(desk, open.stages, "fenced");
		if (!open.stages.has("enforced") || !desk.viewSynced) return;
		const effects = stopPlan(desk.object, desk.observed());
		if (effects.every((effect) => effect.kind !== "DeletePod")) this.#end(desk, open.stages, "told");
		if (effects.length === 0) this.#end(desk, open.stages, "enforced");
	}

	forget(desk: DeskState): void {
		this.#open.delete(desk);
	}

	#end(desk: DeskState, stages: Set<Stage>, stage: Stage): void {
		if (!stages.delete(stage)) return;
		const seconds = (performance.now() - desk.seenAt) / 1000;
		this.#metrics.stages.observe({ stage, to: stateWord(desk.object.spec) }, seconds);
	}
}
