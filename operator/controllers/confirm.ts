import { isProven } from "../../core/facts.ts";
import { type PodObject, projectPod } from "../../core/pod.ts";
import { labelSelector, matches } from "../../core/selector.ts";
import { unanswered } from "../../core/signals.ts";
import { type TargetState, targetStates } from "../../core/targets.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { livePods, podsPath } from "../resources.ts";

/**
 * From the fence denying to the list that confirms. A pod that was admitted just before may take that long to
 * be stored.
 */
const settleMilliseconds = 500;
/** How often a list looks for pods that the watch does not show, while pods are left. */
const sweepMilliseconds = 5_000;
const pageSize = 100;

type Progress = {
	/** Which version of the desk it is about: when that was first seen. */
	seenAt: number;
	provenAt: number;
	busy: boolean;
	sweptAt: number;
	timer?: NodeJS.Timeout;
};

/** Is it so? Lists the pods of each stopped target afresh, once the fence is known to deny. */
export class Confirmer implements Controller {
	readonly #context: Context;
	readonly #onFinding: (desk: DeskState) => void;
	readonly #sweep: (desk: DeskState, pods: ReturnType<typeof projectPod>[]) => void;
	readonly #progress = new Map<DeskState, Progress>();
	#stopped = false;

	constructor(
		context: Context,
		hooks: {
			readonly onFinding: (desk: DeskState) => void;
			readonly sweep: (desk: DeskState, pods: ReturnType<typeof projectPod>[]) => void;
		},
	) {
		this.#context = context;
		this.#onFinding = hooks.onFinding;
		this.#sweep = hooks.sweep;
	}

	look(desk: DeskState): void {
		if (this.#stopped || desk.isForgotten || !desk.viewSynced || !isProven(desk.fence, desk.object.metadata))
			return;
		const open = targetStates(desk.object).filter((state) =>
			state.action === "Signal"
				? !desk.isObeyed(state.spec.name)
				: !state.runs && !desk.isGone(state.spec.name),
		);
		if (open.length === 0) return;
		const progress = this.#progressOf(desk);
		if (progress.busy) return;
		const wait = progress.provenAt + settleMilliseconds - performance.now();
		if (wait > 0) {
			this.#later(desk, progress, wait);
			return;
		}
		progress.busy = true;
		void this.#confirm(desk, progress, open);
	}

	forget(desk: DeskState): void {
		clearTimeout(this.#progress.get(desk)?.timer);
		this.#progress.delete(desk);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		for (const progress of this.#progress.values()) clearTimeout(progress.timer);
	}

	#progressOf(desk: DeskState): Progress {
		const { seenAt } = desk;
		let progress = this.#progress.get(desk);
		if (progress === undefined) {
			progress = { seenAt, provenAt: performance.now(), busy: false, sweptAt: 0 };
			this.#progress.set(desk, progress);
		} else if (progress.seenAt !== seenAt) {
			progress.seenAt = seenAt;
			progress.provenAt = performance.now();
			progress.sweptAt = 0;
		}
		return progress;
	}

	#later(desk: DeskState, progress: Progress, milliseconds: number): void {
		clearTimeout(progress.timer);
		progress.timer = setTimeout(() => this.look(desk), milliseconds);
	}

	async #confirm(desk: DeskState, progress: Progress, open: readonly TargetState[]): Promise<void> {
		const { seenAt } = progress;
		let found = false;
		try {
			const sweep = performance.now() - progress.sweptAt > sweepMilliseconds;
			if (sweep) progress.sweptAt = performance.now();
			for (const state of open) {
				if (state.action === "Signal") {
					if (await this.#confirmObeyed(desk, state, seenAt)) found = true;
					continue;
				}
				if (isInSight(desk, state) && !sweep) continue;
				const left = await this.#left(desk, state);
				const current = desk.seenAt === seenAt;
				if (!current || this.#stopped) return;
				// One that cannot be listed is not confirmed, and is in nobody else's way.
				if (left === undefined) continue;
				if (left.length > 0) {
					this.#sweep(desk, left.map(projectPod));
				} else if (isInSight(desk, state)) {
					desk.view.relist("a list found nothing left");
				} else {
					desk.confirmGone(state.spec.name, this.#context.clock.now());
					found = true;
				}
			}
		} finally {
			progress.busy = false;
			if (found) this.#onFinding(desk);
			this.#later(desk, progress, found ? settleMilliseconds : 1_000);
		}
	}

	/** True when every pod of a target that is told had acknowledged the present generation, of a fresh list too. */
	async #confirmObeyed(desk: DeskState, state: TargetState, seenAt: number): Promise<boolean> {
		if (unanswered(state, desk.observed()).length > 0) return false;
		const listed = await this.#left(desk, state, false);
		if (listed === undefined || desk.seenAt !== seenAt || this.#stopped) return false;
		const pods = listed.map(projectPod);
		const { signals } = desk.observed();
		if (
			unanswered(state, { pods, workloads: [], records: new Map(), ...(signals && { signals }) }).length > 0
		) {
			desk.view.relist("a list found a pod that was not told");
			return false;
		}
		desk.confirmObeyed(state.spec.name, this.#context.clock.now());
		return true;
	}

	/** The first pods of a target now, or all, read from the store and not from a cache; undefined when that failed. */
	async #left(
		desk: DeskState,
		{ spec }: TargetState,
		firstOnly = true,
	): Promise<readonly PodObject[] | undefined> {
		const selector = labelSelector(spec.selector);
		if (selector === undefined) return [];
		try {
			const page = await this.#context.client.list<PodObject>(
				podsPath(desk.namespace),
				{ ...livePods, labelSelector: selector, ...(firstOnly && { limit: pageSize }) },
				{ priority: "emergency", deadlineMilliseconds: 5_000 },
			);
			return page.items;
		} catch (err) {
			this.#context.metrics.errors.inc({ where: "confirm" });
			const { namespace } = desk;
			this.#context.log.error({ namespace, target: spec.name, err }, "could not list what is left");
			return undefined;
		}
	}
}

function isInSight(desk: DeskState, { spec }: TargetState): boolean {
	return desk.view.observed().pods.some((pod) => matches(spec.selector, pod.labels));
}
