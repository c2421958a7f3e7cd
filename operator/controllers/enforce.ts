import { observes } from "../../core/enforcement.ts";
import type { Pod } from "../../core/observed.ts";
import { type StopEffect, stopPlan } from "../../core/plan.ts";
import { isKubeError } from "../../kube/error.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { callToStop, readDesk } from "../stop-call.ts";

/** How many calls one desk may have under way. More only queue up in the API server. */
const workersPerDesk = 64;
const fewestWorkers = 4;
/** How long events are gathered for one plan while all workers are busy. */
const gatherMilliseconds = 20;
/** After a call succeeded, how long the watch may take to show it before the call is made again. */
const echoMilliseconds = 1_000;
/** A desk that was not seen, unchanged or changed, for this long is read before anything is stopped. */
const staleMilliseconds = 3_000;
/** How soon a call is made again that somebody undid: two who fight must not keep the API server busy. */
const undoneMilliseconds = 100;
const firstPauseMilliseconds = 50;
const longestPauseMilliseconds = 2_000;

/** `undone`: the call was seen to have worked, and somebody undid it. */
type Attempt = { readonly failures: number; readonly notBefore: number; readonly undone?: true };

type Work = {
	todo: StopEffect[];
	workers: number;
	/** By {@link effectKey}: when a call may be made (again), by `performance.now()`. */
	readonly attempts: Map<string, Attempt>;
	readonly inFlight: Set<string>;
	/** Ends the calls under way, once the desk only observes. */
	leave: AbortController;
	timer: NodeJS.Timeout | undefined;
	scheduled: boolean;
	reading: boolean;
};

/**
 * What must be stopped and is not? Every replica asks, and acts, with no leader and no lock. Each starts at
 * its own end of the pods, in an order by hash, so that two of them meet in the middle.
 */
export class Enforcer implements Controller {
	readonly #context: Context;
	readonly #onObstacle: (desk: DeskState) => void;
	readonly #work = new Map<DeskState, Work>();
	#stopped = false;

	/** `onObstacle` is told when a call was refused more than once, and when it is in the way no more. */
	constructor(context: Context, onObstacle: (desk: DeskState) => void) {
		this.#context = context;
		this.#onObstacle = onObstacle;
	}

	/** Looks at the desk after the events at hand were taken in. */
	look(desk: DeskState): void {
		if (desk.isForgotten) return;
		const work = this.#workOf(desk);
		if (work.scheduled || this.#stopped) return;
		work.scheduled = true;
		const plan = () => {
			work.scheduled = false;
			this.#plan(desk, work);
		};
		// Busy workers skip by themselves what is done; planning anew for each event would only slow them down.
		if (work.workers < workersPerDesk) setImmediate(plan);
		else setTimeout(plan, gatherMilliseconds);
	}

	/** Looks at the desk at once: for a raise. */
	lookNow(desk: DeskState): void {
		if (!this.#stopped && !desk.isForgotten) this.#plan(desk, this.#workOf(desk));
	}

	/** Stops pods that a fresh list showed, in case the watch has not delivered them. */
	sweep(desk: DeskState, pods: readonly Pod[]): void {
		if (this.#stopped || desk.isForgotten) return;
		const work = this.#workOf(desk);
		const { records } = desk.view.observed();
		for (const effect of stopPlan(desk.object, { pods, workloads: [], records })) {
			if (!work.inFlight.has(effectKey(effect))) void this.#attempt(desk, work, effect);
		}
	}

	forget(desk: DeskState): void {
		clearTimeout(this.#work.get(desk)?.timer);
		this.#work.delete(desk);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		for (const work of this.#work.values()) {
			clearTimeout(work.timer);
			work.todo = [];
		}
	}

	#workOf(desk: DeskState): Work {
		let work = this.#work.get(desk);
		if (work === undefined) {
			work = {
				todo: [],
				workers: 0,
				attempts: new Map(),
				inFlight: new Set(),
				leave: new AbortController(),
				timer: undefined,
				scheduled: false,
				reading: false,
			};
			this.#work.set(desk, work);
		}
		return work;
	}

	#plan(desk: DeskState, work: Work): void {
		if (this.#stopped || desk.isForgotten) return;
		const stale = !desk.isOrphan && performance.now() - desk.knownAt > staleMilliseconds;
		if (stale) void this.#readThenPlan(desk, work);
		else this.#planNow(desk, work);
	}

	/**
	 * A replica that slept, or whose watch is silent, may see a halt that is long over. When the desk cannot be
	 * read it acts on what it knows: the more severe mode counts.
	 */
	async #readThenPlan(desk: DeskState, work: Work): Promise<void> {
		if (work.reading) return;
		work.reading = true;
		try {
			const begunAt = performance.now();
			desk.accept(await readDesk(this.#context.client, desk.namespace), begunAt);
		} catch (err) {
			this.#context.metrics.errors.inc({ where: "read-desk" });
			this.#context.log.warn({ namespace: desk.namespace, err }, "acting on a desk that may be out of date");
		} finally {
			work.reading = false;
		}
		if (!this.#stopped && !desk.isForgotten) this.#planNow(desk, work);
	}

	#planNow(desk: DeskState, work: Work): void {
		if (observes(desk.object.spec)) {
			work.leave.abort();
			work.leave = new AbortController();
		}
		const now = performance.now();
		const effects = stopPlan(desk.object, desk.observed());
		noteWorked(work, effects, now);
		desk.obstacles.keep(() => effects.map(effectKey));
		if (effects.length === 0) {
			work.todo = [];
			return;
		}
		let wakeAt = Number.POSITIVE_INFINITY;
		const due = effects.filter((effect) => {
			const key = effectKey(effect);
			if (work.inFlight.has(key)) return false;
			const notBefore = work.attempts.get(key)?.notBefore ?? 0;
			if (notBefore > now) wakeAt = Math.min(wakeAt, notBefore);
			return notBefore <= now;
		});
		work.todo = inOwnOrder(due, this.#context.elector.isLeader());
		const workers = workersFor(effects);
		while (work.workers < workers && work.todo.length > 0) {
			work.workers += 1;
			void this.#worker(desk, work);
		}
		clearTimeout(work.timer);
		if (Number.isFinite(wakeAt)) work.timer = setTimeout(() => this.look(desk), wakeAt - now);
	}

	async #worker(desk: DeskState, work: Work): Promise<void> {
		try {
			for (let effect = work.todo.shift(); effect !== undefined; effect = work.todo.shift()) {
				// The plan may be older than the desk.
				if (observes(desk.object.spec)) return;
				if (!isDone(desk, effect)) await this.#attempt(desk, work, effect);
			}
		} finally {
			work.workers -= 1;
			if (work.workers === 0) this.look(desk);
		}
	}

	async #attempt(desk: DeskState, work: Work, effect: StopEffect): Promise<void> {
		const key = effectKey(effect);
		const { log, metrics } = this.#context;
		const { signal } = work.leave;
		work.inFlight.add(key);
		try {
			await callToStop(this.#context, desk, effect, signal);
			metrics.effects.inc({ effect: effect.kind, result: "done" });
			if (desk.obstacles.passed(key)) this.#onObstacle(desk);
			// Done before and still not seen: the watch is silent.
			const before = work.attempts.get(key);
			if (before?.failures === 0 && before.undone !== true) desk.view.relist("a call was not echoed");
			work.attempts.set(key, { failures: 0, notBefore: performance.now() + echoMilliseconds });
		} catch (error) {
			if (signal.aborted && isKubeError(error, "CANCELLED")) {
				log.debug({ namespace: desk.namespace, effect: key }, "left off: the desk only observes");
				return;
			}
			const failures = (work.attempts.get(key)?.failures ?? 0) + 1;
			const pause = Math.min(firstPauseMilliseconds * 2 ** (failures - 1), longestPauseMilliseconds);
			work.attempts.set(key, { failures, notBefore: performance.now() + pause });
			metrics.effects.inc({ effect: effect.kind, result: "failed" });
			if (desk.obstacles.refused(key, effect, error, failures)) this.#onObstacle(desk);
			log.error(
				{ namespace: desk.namespace, effect: key, failures, err: error },
				"could not stop: will try again",
			);
		} finally {
			work.inFlight.delete(key);
		}
	}
}

/**
 * A call that is wanted no more has worked. When somebody undoes it, it is made again soon, and not as if the watch
 * had not shown it. A pod that is gone does not come back: its calls are forgotten once nothing is left to do.
 */
function noteWorked(work: Work, effects: readonly StopEffect[], now: number): void {
	const wanted = new Set(effects.filter((effect) => effect.kind !== "DeletePod").map(effectKey));
	for (const [key, { failures, undone }] of work.attempts) {
		if (key.startsWith("DeletePod/")) {
			if (effects.length === 0) work.attempts.delete(key);
		} else if (failures === 0 && undone !== true && !wanted.has(key)) {
			work.attempts.set(key, { failures: 0, notBefore: now + undoneMilliseconds, undone: true });
		}
	}
}

/** True when the other replica was faster. */
function isDone(desk: DeskState, effect: StopEffect): boolean {
	if (effect.kind !== "DeletePod") return false;
	const pod = desk.view.pod(`${desk.namespace}/${effect.pod.name}`);
	if (pod === undefined || pod.uid !== effect.pod.uid) return true;
	return stoppingFastEnough(pod, effect.graceSeconds);
}

function stoppingFastEnough(pod: Pod, graceSeconds: number | undefined): boolean {
	if (pod.stopping === undefined) return false;
	return graceSeconds === undefined || pod.stopping.graceSeconds <= graceSeconds;
}

function effectKey(effect: StopEffect): string {
	switch (effect.kind) {
		case "DeletePod":
			return `DeletePod/${effect.pod.uid}/${effect.graceSeconds ?? ""}`;
		case "CreateRecord":
		case "ClaimRecord":
		case "ScaleToZero":
			return `${effect.kind}/${effect.workload.uid}`;
	}
}

/**
 * Half as many as there are pods to tell: the other replica begins with the other half, and what it was faster
 * with is skipped. Never so few that calls which hang could hold up the rest.
 */
function workersFor(effects: readonly StopEffect[]): number {
	const pods = effects.filter((effect) => effect.kind === "DeletePod").length;
	return Math.min(workersPerDesk, Math.max(fewestWorkers, Math.ceil((pods || effects.length) / 2)));
}

/** Pods first. The leader goes through them upward by hash, the others downward. */
function inOwnOrder(effects: readonly StopEffect[], leader: boolean): StopEffect[] {
	const pods = effects.filter((effect) => effect.kind === "DeletePod");
	const rest = effects.filter((effect) => effect.kind !== "DeletePod");
	const ranked = pods.map((effect) => ({ effect, hash: hash(effect.pod.uid) }));
	ranked.sort((a, b) => (leader ? a.hash - b.hash : b.hash - a.hash));
	return [...ranked.map(({ effect }) => effect), ...rest];
}

/** UIDs are random (RFC 4122, version 4): their first digits spread well over pods and owners. */
function hash(uid: string): number {
	return Number.parseInt(uid.slice(0, 8), 16);
}
