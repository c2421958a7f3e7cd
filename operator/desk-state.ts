import { type Facts, type FenceDoubt, type FenceProof, factsFrom } from "../core/facts.ts";
import type { GuardProbe } from "../core/guards.ts";
import type { Pod } from "../core/observed.ts";
import type { Rehearsal } from "../core/rehearsal.ts";
import { matches } from "../core/selector.ts";
import { type Sighting, sight } from "../core/sighting.ts";
import { targetStates } from "../core/targets.ts";
import type { TradingSafety } from "../crds/types.ts";
import { compareResourceVersions } from "../kube/object.ts";
import { timestamp } from "./clock.ts";
import type { NamespaceView } from "./namespace-view.ts";
import { Obstacles } from "./obstacles.ts";

const sightingsKept = 500;

/** What one replica knows of one desk. Changed only by the watch, by reads of the desk and by controllers' findings. */
export class DeskState {
	readonly namespace: string;
	readonly view: NamespaceView;
	#object: TradingSafety;
	#sightings: readonly Sighting[] = [];
	#enforceLabel: string | undefined;
	/** When the present generation was first seen, by `performance.now()`. */
	#seenAt = performance.now();
	#knownAt = performance.now();
	/** True once pods, workloads and records were listed. */
	viewSynced = false;
	fence: FenceProof | FenceDoubt = { error: "not tried yet" };
	/** When the fence was last seen to deny, by `performance.now()`. */
	fenceProvenAt: number | undefined;
	/** It was deleted and is let go: whoever still holds this must do nothing more for it. */
	isForgotten = false;
	/** The object is gone with its definition: what was seen last goes on being enforced, and nothing is opened. */
	isOrphan = false;
	/** What a halt would meet, as last tried. */
	rehearsal: Rehearsal | undefined;
	/** Whether the policies that guard the way down refuse, as last tried. */
	guards: GuardProbe | undefined;
	/** What refuses a halt under way. */
	readonly obstacles = new Obstacles();
	readonly #gone = new Map<string, { readonly at: string }>();

	constructor(object: TradingSafety, view: NamespaceView) {
		this.namespace = object.metadata.namespace ?? "";
		this.view = view;
		this.#object = object;
		this.#note(object);
	}

	/** The newest version seen. */
	get object(): TradingSafety {
		return this.#object;
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
		this.fence = { error: "not tried yet" };
		this.fenceProvenAt = undefined;
	}

	/** Takes a version from the watch or from a read. False when it is not newer than what is known. */
	accept(object: TradingSafety): boolean {
		const order = compareResourceVersions(
			object.metadata.resourceVersion,
			this.#object.metadata.resourceVersion,
		);
		const sameObject = object.metadata.uid === this.#object.metadata.uid;
		if (order === 0) this.#knownAt = performance.now();
		if (order !== undefined && order <= 0) return false;
		this.#knownAt = performance.now();
		const generation = this.#object.metadata.generation ?? 0;
		const next = object.metadata.generation ?? 0;
		this.#object = object;
		if (sameObject && next === generation) return true;
		if (!sameObject) this.#sightings = [];
		// Between two generations with others in between anything may have been admitted.
		if (!sameObject || next !== generation + 1) this.#gone.clear();
		this.#seenAt = performance.now();
		this.#note(object);
		return true;
	}

	/** Says that a fresh list found no pod of a target, at a time when the fence denied. */
	confirmGone(target: string, at: string): void {
		this.#gone.set(target, { at });
	}

	isGone(target: string): boolean {
		return this.#gone.has(target);
	}

	/** A pod is there: its targets are not gone. */
	seePod(pod: Pod): void {
		if (this.#gone.size === 0) return;
		for (const target of this.#object.spec.targets ?? []) {
			if (matches(target.selector, pod.labels)) this.#gone.delete(target.name);
		}
	}

	/** Forgets sightings that status speaks of already. */
	forgetSightings(upTo: number): void {
		this.#sightings = this.#sightings.filter((sighting) => sighting.generation > upTo);
	}

	/** Everything that the decisions look at, as of now. */
	facts(): Facts {
		return factsFrom(this.#object, {
			now: timestamp(),
			observed: this.view.observed(),
			fence: this.fence,
			gone: new Map(this.#gone),
			...(this.rehearsal !== undefined && { rehearsal: this.rehearsal }),
			...(this.guards !== undefined && { guards: this.guards }),
			obstacles: this.obstacles.list(),
			...(this.#enforceLabel !== undefined && { enforceLabel: this.#enforceLabel }),
		});
	}

	#note(object: TradingSafety): void {
		this.#sightings = [...this.#sightings, sight(object, timestamp())].slice(-sightingsKept);
		for (const state of targetStates(object)) {
			if (state.admits) this.#gone.delete(state.spec.name);
		}
	}
}
