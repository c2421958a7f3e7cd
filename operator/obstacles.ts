import type { StopEffect } from "../core/plan.ts";
import type { Attempt } from "../core/rehearsal.ts";
import { failedCall } from "./failed-call.ts";

/** The calls of a halt under way that are refused: what status names while they are. */
export class Obstacles {
	readonly #refused = new Map<string, Attempt>();

	/** They are as many as calls to stop; status names a few. */
	list(): readonly Attempt[] {
		return [...this.#refused.values()];
	}

	/** A call failed for the `failures`th time in a row; once is noise. True when that is news. */
	refused(key: string, effect: StopEffect, error: unknown, failures: number): boolean {
		if (failures < 2) return false;
		const isNew = !this.#refused.has(key);
		this.#refused.set(key, { what: describe(effect), failure: failedCall(error) });
		return isNew;
	}

	/** A call got through. True when that is news. */
	passed(key: string): boolean {
		return this.#refused.delete(key);
	}

	/** Forgets calls that are not wanted any more. */
	keep(wanted: () => Iterable<string>): void {
		if (this.#refused.size === 0) return;
		const keys = new Set(wanted());
		for (const key of this.#refused.keys()) if (!keys.has(key)) this.#refused.delete(key);
	}
}

function describe(effect: StopEffect): string {
	switch (effect.kind) {
		case "DeletePod":
			return `deleting pod ${effect.pod.name}`;
		case "CreateRecord":
		case "ClaimRecord":
			return `recording ${effect.workload.kind} ${effect.workload.name}`;
		case "ScaleToZero":
			return `scaling ${effect.workload.kind} ${effect.workload.name} to zero`;
	}
}
