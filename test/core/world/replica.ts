import { type Facts, type FenceProof, factsFrom } from "../../../core/facts.ts";
import type { Observed } from "../../../core/observed.ts";
import { type StopEffect, stopPlan } from "../../../core/plan.ts";
import type { RestoreEffect } from "../../../core/restore.ts";
import { type Sighting, sight } from "../../../core/sighting.ts";
import { nextStatus, saysTheSame, withClearance } from "../../../core/status.ts";
import { targetStates, targetsOf } from "../../../core/targets.ts";
import type { TradingSafety } from "../../../crds/types.ts";
import {
	claimRecord,
	createRecord,
	deletePod,
	deleteRecord,
	fencedBy,
	type Kind,
	latest,
	now,
	scale,
	type Versions,
	type World,
	writeStatus,
} from "./api.ts";
import { denies, isObserving } from "./oracle.ts";

/** What a replica of the operator does side by side. */
export const duties = ["Stop", "Observe", "Restore"] as const;
/** One of {@link duties}. */
export type Duty = (typeof duties)[number];

/** A replica of the operator: memory that may be old, and work in hand. */
export type Replica = {
	readonly name: string;
	/** Believes that it holds the lease. Two may believe so at once. */
	leads: boolean;
	seen: Record<Kind, number>;
	sightings: Sighting[];
	proof: FenceProof | undefined;
	gone: Map<string, { readonly generation: number; readonly at: string }>;
	/** Work in hand; each step of it makes one call. */
	work: Map<Duty, Iterator<void>>;
};

/** A replica that has just started and listed everything. */
export function startReplica(world: World, name: string): Replica {
	const replica: Replica = {
		name,
		leads: false,
		seen: { desks: 0, workloads: 0, pods: 0, records: 0 },
		sightings: [],
		proof: undefined,
		gone: new Map(),
		work: new Map(),
	};
	restart(world, replica);
	return replica;
}

/** A crash and a new start: memory, lease and work in hand are lost, everything is listed anew. */
export function restart(world: World, replica: Replica): void {
	const end = (kind: Kind) => world.versions[kind].length - 1;
	replica.leads = false;
	replica.seen = {
		desks: end("desks"),
		workloads: end("workloads"),
		pods: end("pods"),
		records: end("records"),
	};
	replica.sightings = [sight(latest(world, "desks"), now(world))];
	replica.proof = undefined;
	replica.gone = new Map();
	replica.work = new Map();
}

/** The watch of one kind delivers up to `count` changes, in their order. */
export function deliver(world: World, replica: Replica, kind: Kind, count: number): void {
	for (let i = 0; i < count && replica.seen[kind] < world.versions[kind].length - 1; i++) {
		replica.seen[kind]++;
		if (kind === "desks") replica.sightings.push(sight(cached(world, replica, "desks"), now(world)));
	}
}

/** One step of one duty: a plan, or one call. Returns false when there was nothing to do. */
export function step(world: World, replica: Replica, duty: Duty): void {
	const work = replica.work.get(duty) ?? begin(world, replica, duty);
	replica.work.set(duty, work);
	if (work.next().done === true) replica.work.delete(duty);
}

function begin(world: World, replica: Replica, duty: Duty): Iterator<void> {
	switch (duty) {
		case "Stop":
			return stop(world, replica);
		case "Observe":
			return observe(world, replica);
		case "Restore":
			return restore(world, replica);
	}
}

function cached<K extends Kind>(world: World, replica: Replica, kind: K): Versions[K][number] {
	const all: readonly Versions[K][number][] = world.versions[kind];
	const version = all[replica.seen[kind]];
	if (version === undefined) throw new Error(`${replica.name} has seen no version of ${kind}`);
	return version;
}

function observed(world: World, replica: Replica): Observed {
	return {
		pods: [...cached(world, replica, "pods").values()].map((pod) => ({
			name: pod.uid,
			uid: pod.uid,
			labels: pod.labels,
			owned: pod.owner !== undefined,
			...(pod.stopping && { stopping: pod.stopping }),
		})),
		workloads: [...cached(world, replica, "workloads").values()].map((workload) => ({
			apiVersion: "apps/v1",
			kind: "Deployment",
			name: workload.uid,
			uid: workload.uid,
			createdAt: workload.createdAt,
			labels: workload.labels,
			replicas: workload.replicas,
			ready: workload.observedGeneration === workload.generation ? workload.readyReplicas : 0,
		})),
		records: cached(world, replica, "records"),
	};
}

function* stop(world: World, replica: Replica): Generator<void> {
	const desk = cached(world, replica, "desks");
	for (const effect of stopPlan(desk, observed(world, replica))) {
		if (isObserving(desk))
			world.breaches.push(`${effect.kind} while ${replica.name} knew that the desk observes`);
		yield;
		if (isObserving(cached(world, replica, "desks"))) return;
		carryOutStop(world, desk, effect);
	}
}

/**
 * One call on the way down. What is read afresh is read just before, in the same step: a cache may be old
 * without bound, but between a read and the call after it no halt is lowered and restored.
 */
function carryOutStop(world: World, desk: TradingSafety, effect: StopEffect): void {
	const heldAt = desk.metadata.generation ?? 0;
	const isCurrent = latest(world, "desks").metadata.generation === heldAt;
	switch (effect.kind) {
		case "DeletePod":
			deletePod(world, effect.pod.uid, effect.graceSeconds);
			return;
		case "CreateRecord": {
			const { kind, name, uid } = effect.workload;
			const replicas = latest(world, "workloads").get(uid)?.replicas;
			if (replicas === undefined || !isCurrent) return;
			createRecord(world, {
				workloadUid: uid,
				apiVersion: "apps/v1",
				kind,
				name,
				replicas,
				target: effect.target,
				heldAt,
			});
			return;
		}
		case "ClaimRecord":
			claimRecord(world, effect.workload.uid, heldAt);
			return;
		case "ScaleToZero":
			if (isCurrent) scale(world, effect.workload.uid, 0);
			return;
	}
}

function facts(world: World, replica: Replica, desk: TradingSafety): Facts {
	const gone = new Map(
		[...replica.gone].filter(([, { generation }]) => generation === desk.metadata.generation),
	);
	return factsFrom(desk, {
		now: now(world),
		observed: observed(world, replica),
		fence: replica.proof ?? { error: "not probed yet" },
		stamped: true,
		gone,
		enforceLabel: "targets",
	});
}

/** Proves the fence, then lists pods afresh, then says in status what was found. */
function* observe(world: World, replica: Replica): Generator<void> {
	yield;
	const { uid, generation = 0 } = fencedBy(world).metadata;
	replica.proof = { uid, generation, at: now(world) };
	const desk = cached(world, replica, "desks");
	if (generation >= (desk.metadata.generation ?? 0)) {
		yield;
		const states = targetStates(desk);
		const listed = [...latest(world, "pods").values()].flatMap((pod) => targetsOf(states, pod.labels));
		for (const state of states.filter((one) => !one.admits && !listed.includes(one))) {
			replica.gone.set(state.spec.name, { generation: desk.metadata.generation ?? 0, at: now(world) });
		}
	}
	const current = cached(world, replica, "desks");
	const known = facts(world, replica, current);
	const next = nextStatus(current, known, replica.sightings);
	const status = replica.leads ? (withClearance(current, next, known) ?? next) : next;
	if (saysTheSame(current.status, status)) return;
	yield;
	writeStatus(world, current.metadata.resourceVersion, status, replica.leads);
}

function* restore(world: World, replica: Replica): Generator<void> {
	if (!replica.leads) return;
	const desk = cached(world, replica, "desks");
	// A status that does not yet speak of this generation has not yet raised what it holds.
	if (desk.status?.observedGeneration !== desk.metadata.generation) return;
	const { effects } = facts(world, replica, desk).restore;
	yield;
	const fresh = latest(world, "desks");
	if (fresh.metadata.generation !== desk.metadata.generation) return;
	for (const effect of effects) {
		yield;
		if (isObserving(fresh))
			world.breaches.push(`${effect.kind} while ${replica.name} knew that the desk observes`);
		yield* carryOutRestore(world, fresh, effect);
	}
}

function* carryOutRestore(world: World, desk: TradingSafety, effect: RestoreEffect): Generator<void> {
	switch (effect.kind) {
		case "AskAnew":
			throw new Error("this world's controllers ask by themselves");
		case "Release":
		case "AllowSignal":
		case "AllowStart": {
			yield;
			const targets = (desk.status?.targets ?? []).map((target) => {
				if (target.name !== effect.target) return target;
				if (effect.kind === "AllowStart") return { ...target, startAllowed: true };
				if (effect.kind === "AllowSignal") return { ...target, signalled: "Admit" as const };
				const { fencedAs: _, ...open } = target;
				return effect.to === "Normal" ? open : { ...open, fencedAs: effect.to };
			});
			writeStatus(world, desk.metadata.resourceVersion, { ...desk.status, targets }, true);
			return;
		}
		case "Scale": {
			if (denies(desk, effect.workload.labels)) return;
			yield;
			const workload = latest(world, "workloads").get(effect.workload.uid);
			yield;
			const { record } = effect;
			if (record !== undefined && latest(world, "records").get(record.workloadUid)?.uid !== record.uid)
				return;
			yield;
			if (workload !== undefined) {
				scale(world, workload.uid, effect.replicas, workload.resourceVersion);
			}
			return;
		}
		case "DeleteRecord": {
			const workload = latest(world, "workloads").get(effect.record.workloadUid);
			if (workload !== undefined && denies(desk, workload.labels)) return;
			yield;
			deleteRecord(world, effect.record);
			return;
		}
	}
}
