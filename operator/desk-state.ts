import { isDeepStrictEqual } from "node:util";
import type { DeviceSeen } from "../core/armed.ts";
import { type Contest, contestKey, contestOf } from "../core/contest.ts";
import { type Facts, type FenceFinding, factsFrom } from "../core/facts.ts";
import type { GuardProbe } from "../core/guards.ts";
import type { Recovery } from "../core/memory.ts";
import type { Observed, Pod, Signals, Workload } from "../core/observed.ts";
import type { Evidence } from "../core/readings.ts";
import type { RecordSeen } from "../core/recording.ts";
import type { Rehearsal } from "../core/rehearsal.ts";
import { matches } from "../core/selector.ts";
import { type Sighting, sight } from "../core/sighting.ts";
import { mayBringBack, targetStates, wantedAction } from "../core/targets.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Clock } from "../kube/clock.ts";
import { compareResourceVersions } from "../kube/object.ts";
import type { Memory } from "./memory.ts";
import type { NamespaceView } from "./namespace-view.ts";
import { Obstacles } from "./obstacles.ts";

const sightingsKept = 500;
const contestsKept = 100;

/** What a desk's state works with. */
export type DeskStateOptions = {
	readonly view: NamespaceView;
	readonly memory: Pick<Memory, "take">;
	readonly clock: Pick<Clock, "now">;
	/** The desk is of another generation, or another object. Must not throw or wait. */
	readonly onMoved: (desk: DeskState) => void;
	/** A read has shown that history went back. Must not throw or wait. */
	readonly onWentBack: (desk: DeskState) => void;
};

/** What one replica knows of one desk. Changed only by the watch, by reads of the desk and by controllers' findings. */
export class DeskState {
	readonly namespace: string;
	readonly view: NamespaceView;
	readonly #options: DeskStateOptions;
	#read: TradingSafety;
	/** As read, with what its status has lost of what is remembered. */
	#object: TradingSafety;
	#recovery: Recovery | undefined;
	#sightings: readonly Sighting[] = [];
	#enforceLabel: string | undefined;
	#labelledAt = performance.now();
	/** When the present generation was first seen, by `performance.now()`. */
	#seenAt = performance.now();
	#knownAt = performance.now();
	/** When the version that is known was taken in, by `performance.now()`. */
	#takenAt = performance.now();
	/** True once pods, workloads and records were listed. */
	viewSynced = false;
	fence: FenceFinding = { error: "not tried yet" };
	/** When the fence was last seen to deny at every API server, by `performance.now()`. */
	fenceProvenAt: number | undefined;
	/** True once a denial showed that a policy stamps who raised. */
	stamped = false;
	/** It was deleted and is let go: whoever still holds this must do nothing more for it. */
	isForgotten = false;
	/** The object is gone with its definition: what was seen last goes on being enforced, and nothing is opened. */
	isOrphan = false;
	/** What a halt would meet, as last tried. */
	rehearsal: Rehearsal | undefined;
	/** Whether the policies that guard the way down refuse, as last tried. */
	guards: GuardProbe | undefined;
	/** What is known of pods that are sent permits; undefined where none are. */
	signals: Signals | undefined;
	/** What Prometheus said of positions and orders, where it was asked. */
	evidence: Evidence | undefined;
	/** The e-stop devices that there are; undefined where they cannot be seen, or none is configured. */
	devices: readonly DeviceSeen[] | undefined;
	/** How the record of this desk stands; undefined where none is kept. */
	record: RecordSeen | undefined;
	/** Targets that were told or kept in Emergency until now, and are to be stopped. */
	due: ReadonlySet<string> = new Set();
	/** What refuses a halt under way. */
	readonly obstacles = new Obstacles();
	readonly #gone = new Map<string, { readonly at: string }>();
	readonly #obeyed = new Map<string, { readonly at: string }>();
	readonly #contests = new Map<string, Contest>();

	constructor(object: TradingSafety, options: DeskStateOptions) {
		this.namespace = object.metadata.namespace ?? "";
		this.view = options.view;
		this.#options = options;
		this.#read = object;
		this.#object = object;
		this.recollect();
		this.#note(this.#object);
	}

	/** The newest version seen, with what its status has lost of what is remembered. */
	get object(): TradingSafety {
		return this.#object;
	}

	/** What it takes to be as severe as remembered; undefined while it is. */
	get recovery(): Recovery | undefined {
		return this.#recovery;
	}

	get sightings(): readonly Sighting[] {
		return this.#sightings;
	}

	get seenAt(): number {
		return this.#seenAt;
	}

	/** When this version was last known to be the present one, by `performance.now()`. */
	get knownAt(): number {
		return this.#knownAt;
	}

	get enforceLabel(): string | undefined {
		return this.#enforceLabel;
	}

	/** Value of the enforce label of the namespace. A change of it makes old proofs worthless. */
	set enforceLabel(value: string | undefined) {
		if (value === this.#enforceLabel) return;
		this.#enforceLabel = value;
		this.#labelledAt = performance.now();
		this.fence = { error: "not tried yet" };
		this.fenceProvenAt = undefined;
	}

	/** When the enforce label was last seen to change, by `performance.now()`. */
	get labelledAt(): number {
		return this.#labelledAt;
	}

	/**
	 * Takes a version from the watch or from a read. False when it is not newer than what is known. `begunAt`: when
	 * a read without a resource version was sent, by `performance.now()`. Such a read is never older than its own
	 * sending; what it shows is so even where it is older than what was known before, since then history went back.
	 */
	accept(object: TradingSafety, begunAt = Number.NEGATIVE_INFINITY): boolean {
		const before = this.#read;
		const { generation = 0, resourceVersion } = before.metadata;
		const next = object.metadata.generation ?? 0;
		const order = compareResourceVersions(object.metadata.resourceVersion, resourceVersion);
		const sameObject = object.metadata.uid === before.metadata.uid;
		const rewritten = sameObject && isRewritten(before, object);
		if (order === 0 && sameObject && !rewritten) {
			this.#knownAt = performance.now();
			return false;
		}
		const isOlder = order !== undefined && order <= 0;
		if (isOlder && begunAt <= this.#takenAt) {
			if (sameObject) this.#noteLate(object);
			return false;
		}
		const wentBack = isOlder || rewritten;
		this.#takenAt = performance.now();
		this.#knownAt = this.#takenAt;
		this.#read = object;
		this.recollect();
		this.#forgetAdmitted();
		if (wentBack) this.#forgetWhatWas();
		if (sameObject && next === generation && !wentBack) return true;
		if (!sameObject) this.#sightings = [];
		// Between two generations with others in between anything may have been admitted.
		if (!sameObject || next !== generation + 1) this.#gone.clear();
		if (mayBringBack(before, this.#object)) this.view.relistStopped("the desk may be milder than before");
		this.#obeyed.clear();
		this.#forgetReleasable(before.spec);
		this.#seenAt = performance.now();
		this.#note(this.#object, before);
		if (wentBack) this.#options.onWentBack(this);
		this.#options.onMoved(this);
		return true;
	}

	/** Holds the present version against what is remembered. */
	recollect(): void {
		const { object, recovery } = this.#options.memory.take(this.#read);
		this.#object = object;
		this.#recovery = recovery;
	}

	/** Nothing that was seen before history went back is known any more. */
	#forgetWhatWas(): void {
		this.#sightings = [];
		this.#gone.clear();
		this.#obeyed.clear();
		this.fence = { error: "not tried since history went back" };
		this.fenceProvenAt = undefined;
	}

	/** Says that a fresh list found no pod of a target, at a time when the fence denied. */
	confirmGone(target: string, at: string): void {
		this.#gone.set(target, { at });
	}

	isGone(target: string): boolean {
		return this.#gone.has(target);
	}

	/** Says that every pod of a fresh list had acknowledged the present generation. */
	confirmObeyed(target: string, at: string): void {
		this.#obeyed.set(target, { at });
	}

	/** That is so no more: a pod is there that did not. */
	doubt(target: string): void {
		this.#obeyed.delete(target);
	}

	isObeyed(target: string): boolean {
		return this.#obeyed.has(target);
	}

	/** What is seen of the namespace now. */
	observed(): Observed {
		return {
			...this.view.observed(),
			...(this.signals !== undefined && { signals: this.signals }),
			...(this.due.size > 0 && { due: this.due }),
			...(this.view.isDoubted && { doubted: true }),
		};
	}

	/** A pod is there: its targets are not gone. */
	seePod(pod: Pod): void {
		if (this.#gone.size === 0) return;
		for (const target of this.#object.spec.targets ?? []) {
			if (matches(target.selector, pod.labels)) this.#gone.delete(target.name);
		}
	}

	/** A workload grew from zero. Returns how often that was contested now, undefined when it may grow. */
	seeGrowth(workload: Workload): Contest | undefined {
		const record = this.view.observed().records.get(workload.uid);
		const contest = contestOf(this.#object, workload, record, this.#options.clock.now());
		if (contest === undefined) return undefined;
		const key = contestKey(contest);
		const before = this.#contests.get(key);
		if (before === undefined && this.#contests.size >= contestsKept) return contest;
		const known = before === undefined ? contest : { ...before, times: before.times + 1, last: contest.last };
		this.#contests.set(key, known);
		return known;
	}

	/** Forgets sightings that status speaks of already. */
	forgetSightings(upTo: number): void {
		this.#sightings = this.#sightings.filter((sighting) => sighting.generation > upTo);
	}

	/** Everything that the decisions look at, as of now. */
	facts(): Facts {
		return factsFrom(this.#object, {
			now: this.#options.clock.now(),
			observed: this.observed(),
			fence: this.fence,
			stamped: this.stamped,
			gone: new Map(this.#gone),
			obeyed: new Map(this.#obeyed),
			contests: [...this.#contests.values()],
			...(this.rehearsal !== undefined && { rehearsal: this.rehearsal }),
			...(this.guards !== undefined && { guards: this.guards }),
			...(this.evidence !== undefined && { evidence: this.evidence }),
			...(this.devices !== undefined && { devices: this.devices }),
			...(this.record !== undefined && { record: this.record }),
			obstacles: this.obstacles.list(),
			...(this.#enforceLabel !== undefined && { enforceLabel: this.#enforceLabel }),
		});
	}

	#note(object: TradingSafety, last?: TradingSafety): void {
		const seen = sight(object, this.#options.clock.now(), last);
		this.#sightings = [...this.#sightings, seen].slice(-sightingsKept);
	}

	/** The watch may show a version after a read has shown a later one: history is to know of it all the same. */
	#noteLate(object: TradingSafety): void {
		const isNoted = this.#sightings.some(({ generation }) => generation === object.metadata.generation);
		if (!isNoted) this.#note(object);
	}

	#forgetAdmitted(): void {
		for (const state of targetStates(this.#object)) {
			if (state.runs) this.#gone.delete(state.spec.name);
			if (!state.admits) continue;
			for (const [key, contest] of this.#contests) {
				if (contest.target === state.spec.name) this.#contests.delete(key);
			}
		}
	}

	/**
	 * What spec alone did not stop may have been released in a version of that generation that was never seen, and
	 * its pods with it.
	 */
	#forgetReleasable(spec: TradingSafety["spec"]): void {
		for (const { spec: target, wanted } of targetStates({ spec })) {
			if (wantedAction(target, wanted) !== "Stop") this.#gone.delete(target.name);
		}
	}
}

/** True when one version of an object cannot have come after the other: the store was restored in between. */
function isRewritten(before: TradingSafety, after: TradingSafety): boolean {
	const generation = before.metadata.generation ?? 0;
	const next = after.metadata.generation ?? 0;
	return next < generation || (next === generation && !isDeepStrictEqual(after.spec, before.spec));
}
