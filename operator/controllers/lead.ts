import type { Recorded, Workload } from "../../core/observed.ts";
import { withoutRegression } from "../../core/regression.ts";
import type { RestoreEffect, RestoreStep } from "../../core/restore.ts";
import { nextStatus, notRestoredRows, withClearance } from "../../core/status.ts";
import { targetStates, targetsOf } from "../../core/targets.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import type { RestoreRecord, TradingSafety } from "../../crds/types.ts";
import type { Column } from "../../crds/vocabulary.ts";
import type { CallOptions } from "../../kube/client.ts";
import { ifThere, isKubeError } from "../../kube/error.ts";
import { type PassResult, WorkQueue } from "../../kube/work-queue.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { OperatorError } from "../error.ts";
import { Podless } from "../podless.ts";
import { deskPath, recordsPath, workloadPath } from "../resources.ts";
import { RestoreStages } from "../restore-stages.ts";
import { type WorkloadObject, withVersion } from "../workloads/kind.ts";
import { publishStatus, writeStatus } from "./status.ts";

/** A leader with less than this left of its lease begins nothing that opens. */
const leaseReserveMilliseconds = 500;
const deadlineMilliseconds = 3_000;
const pollMilliseconds = 500;
const echoMilliseconds = 50;
/** Changes within this time are looked at together: while a thousand pods are stopped the leader has better to do. */
const gatherMilliseconds = 50;

/**
 * May this desk be lowered, and what comes back next? Asked by the leader alone. Before each call the desk is
 * read afresh and the lease looked at, so that a leader that slept cannot open anything.
 */
export class Lead implements Controller {
	readonly #context: Context;
	readonly #desks = new Map<string, DeskState>();
	/** By namespace. */
	readonly #podless = new Map<string, Podless>();
	readonly #stages: RestoreStages;
	readonly #queue: WorkQueue;

	constructor(context: Context) {
		this.#context = context;
		this.#stages = new RestoreStages(context);
		this.#queue = new WorkQueue({
			name: "lead",
			concurrency: 4,
			pass: (namespace, signal) => this.#pass(namespace, signal),
			onError: ({ key, error, failures, interrupted }) => {
				if (interrupted || (isKubeError(error, "CONFLICT") && failures < 5)) return;
				if (error instanceof OperatorError && error.code === "SUPERSEDED") return;
				context.metrics.errors.inc({ where: "lead" });
				context.log.error(
					{ namespace: key, failures, err: error },
					"could not clear or restore: will try again",
				);
			},
		});
	}

	look(desk: DeskState): void {
		this.#desks.set(desk.namespace, desk);
		if (this.#context.elector.isLeader()) this.#queue.addAfter(desk.namespace, gatherMilliseconds);
	}

	/** The desk changed: a pass that restores for an older generation must end. */
	interrupt(desk: DeskState): void {
		this.#desks.set(desk.namespace, desk);
		if (this.#context.elector.isLeader()) this.#queue.interrupt(desk.namespace);
	}

	forget(desk: DeskState): void {
		this.#desks.delete(desk.namespace);
		this.#podless.delete(desk.namespace);
		this.#stages.forget(desk.namespace);
	}

	async stop(): Promise<void> {
		await this.#queue.stop({ deadlineMilliseconds });
	}

	async #pass(namespace: string, signal: AbortSignal): Promise<PassResult> {
		const desk = this.#desks.get(namespace);
		if (desk === undefined || !desk.viewSynced || !this.#context.elector.isLeader()) return undefined;
		// Milder than it should be, and about to be raised: nothing of it is opened.
		if (desk.recovery !== undefined) return { requeueAfterMilliseconds: pollMilliseconds };
		const { object } = desk;
		// A status that does not yet speak of this generation has not yet raised what it holds.
		if (object.status?.observedGeneration !== object.metadata.generation) {
			return { requeueAfterMilliseconds: echoMilliseconds };
		}
		const facts = desk.facts();
		await this.#stages.raiseIfFailed(desk, object, facts.restore, signal);
		const step = this.#withPodless(namespace, facts.restore);
		if (step.effects.length > 0) {
			await this.#perform(desk, object, step, signal);
			return { requeueAfterMilliseconds: echoMilliseconds };
		}
		const status = nextStatus(object, facts, desk.sightings);
		const answered = withoutRegression(status);
		const cleared = withClearance(object, answered ?? status, facts) ?? answered;
		if (cleared !== undefined) {
			this.#mayOpen(signal);
			await publishStatus(this.#context, desk, object, cleared, this.#context.leaderClient);
		}
		return { requeueAfterMilliseconds: pollMilliseconds };
	}

	/** Where there is nothing else to do: what has been without a pod for too long is asked for anew. */
	#withPodless(namespace: string, step: RestoreStep): RestoreStep {
		const podless = this.#podless.get(namespace) ?? new Podless();
		this.#podless.set(namespace, podless);
		const due = podless.due(step.podless ?? [], performance.now());
		if (step.effects.length > 0) return step;
		return { ...step, effects: due.map((returning) => ({ kind: "AskAnew", ...returning })) };
	}

	async #perform(
		desk: DeskState,
		planned: TradingSafety,
		{ effects, notRestored }: RestoreStep,
		signal: AbortSignal,
	): Promise<void> {
		const current = await this.#fresh(planned, signal);
		const fresh = { ...current, status: withLost(current.status, notRestored) };
		const results = await Promise.allSettled(effects.map((effect) => this.#act(desk, fresh, effect, signal)));
		const { metrics } = this.#context;
		for (const [index, result] of results.entries()) {
			const effect = effects[index]?.kind ?? "";
			metrics.effects.inc({ effect, result: result.status === "fulfilled" ? "done" : "failed" });
		}
		const failure = results.find((result) => result.status === "rejected");
		if (failure !== undefined) throw failure.reason;
	}

	/** The desk as it is now; it must be of the generation that was planned for. */
	async #fresh(planned: TradingSafety, signal: AbortSignal): Promise<TradingSafety> {
		const namespace = planned.metadata.namespace ?? "";
		const fresh = await this.#context.client.get<TradingSafety>(deskPath(namespace), undefined, {
			priority: "emergency",
			deadlineMilliseconds,
			signal,
		});
		const { uid, generation } = fresh.metadata;
		if (uid !== planned.metadata.uid || generation !== planned.metadata.generation) {
			throw new OperatorError(
				"SUPERSEDED",
				`desk ${namespace} moved from generation ${planned.metadata.generation} to ${generation}`,
			);
		}
		return fresh;
	}

	#mayOpen(signal: AbortSignal): void {
		if (signal.aborted) throw new OperatorError("SUPERSEDED", "the pass was interrupted");
		if (this.#context.elector.remainingMilliseconds() < leaseReserveMilliseconds) {
			throw new OperatorError("NOT_LEADER", "the lease is about to end: nothing is opened");
		}
	}

	async #act(
		desk: DeskState,
		fresh: TradingSafety,
		effect: RestoreEffect,
		signal: AbortSignal,
	): Promise<void> {
		this.#mayOpen(signal);
		const { leaderClient, log } = this.#context;
		const { namespace } = desk;
		switch (effect.kind) {
			case "Release":
				desk.accept(await writeStatus(leaderClient, fresh, released(fresh.status, effect.target, effect.to)));
				log.info({ namespace, target: effect.target, to: effect.to }, "released");
				return;
			case "AllowSignal":
				desk.accept(await writeStatus(leaderClient, fresh, signalAllowed(fresh.status, effect.target)));
				log.info({ namespace, target: effect.target }, "told by permits from now on");
				return;
			case "AllowStart":
				desk.accept(await writeStatus(leaderClient, fresh, startAllowed(fresh.status, effect.target)));
				log.info({ namespace, target: effect.target }, "start allowed");
				return;
			case "Scale":
				return this.#scale(desk, fresh, effect, signal);
			case "AskAnew": {
				const { kind, name } = effect.workload;
				log.warn({ namespace, workload: `${kind}/${name}` }, "no pod was made: asking anew by way of zero");
				return this.#scale(desk, fresh, { ...effect, kind: "Scale", replicas: 0 }, signal);
			}
			case "DeleteRecord":
				return this.#deleteRecord(desk, effect.record, signal);
		}
	}

	/** Forgets what a workload was, unless it stands at zero: then the watch showed what was before the halt. */
	async #deleteRecord(desk: DeskState, record: Recorded, signal: AbortSignal): Promise<void> {
		const { leaderClient } = this.#context;
		const { namespace } = desk;
		const options = { priority: "emergency", deadlineMilliseconds, signal } as const;
		const { uid, resourceVersion, workloadUid } = record;
		if (await this.#isAtZero(desk, record, options)) {
			desk.view.relist("a read showed other replicas");
			throw new OperatorError("SUPERSEDED", `${record.kind} ${record.name} is not restored yet`);
		}
		// Claimed for a new halt meanwhile, it has another resourceVersion and stays.
		const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid, resourceVersion } };
		await ifThere(leaderClient.delete(recordsPath(namespace, workloadUid), body, options));
	}

	/** True for a workload that is to come back and stands at zero now; false when it is gone, or its kind is. */
	async #isAtZero(desk: DeskState, record: Recorded, options: CallOptions): Promise<boolean> {
		const kind = desk.view.kindOf(record);
		if (kind === undefined || record.replicas === 0) return false;
		const path = workloadPath(kind, desk.namespace, record.name);
		const object = await ifThere(this.#context.leaderClient.get<WorkloadObject>(path, undefined, options));
		if (object?.metadata.uid !== record.workloadUid) return false;
		const comesBack = kind.project(object)?.notRestored === undefined;
		return comesBack && kind.setting.read(object).replicas === 0;
	}

	/** Scales one workload, if it still is what was recorded and the desk still lets it run. */
	async #scale(
		desk: DeskState,
		fresh: TradingSafety,
		{ workload, replicas, record }: Extract<RestoreEffect, { kind: "Scale" }>,
		signal: AbortSignal,
	): Promise<void> {
		const { leaderClient, log } = this.#context;
		const namespace = fresh.metadata.namespace ?? "";
		if (!targetsOf(targetStates(fresh), workload.labels).every((state) => state.admits)) {
			throw new OperatorError("SUPERSEDED", `${workload.kind} ${workload.name} is to be stopped again`);
		}
		const kind = desk.view.kindOf(workload);
		if (kind === undefined)
			throw new OperatorError("SUPERSEDED", `there is no kind ${workload.kind} any more`);
		const { setting } = kind;
		const options = { priority: "emergency", deadlineMilliseconds, signal } as const;
		const path = workloadPath(kind, namespace, workload.name);
		const object = await leaderClient.get<WorkloadObject>(path, undefined, options);
		const { uid, resourceVersion } = object.metadata;
		if (uid !== workload.uid) {
			throw new OperatorError("SUPERSEDED", `${workload.kind} ${workload.name} was made anew`);
		}
		// Somebody chose another number since this was planned: theirs stays.
		if (setting.read(object).replicas !== workload.replicas) return;
		// Only after the workload: a zero that was read while the record was there is the halt's, not a person's.
		if (record !== undefined) await this.#mustBeRecorded(namespace, record, options);
		this.#mayOpen(signal);
		await leaderClient.patch(
			workloadPath(kind, namespace, workload.name, setting.subresource),
			withVersion(setting.patch(replicas, record?.earlier), resourceVersion),
			{ type: "merge" },
			options,
		);
		log.info(
			{ namespace, workload: `${workload.kind}/${workload.name}`, replicas },
			"scaled for the restore",
		);
	}

	async #mustBeRecorded(namespace: string, record: Recorded, options: CallOptions): Promise<void> {
		const path = recordsPath(namespace, record.workloadUid);
		const found = await ifThere(this.#context.leaderClient.get<RestoreRecord>(path, undefined, options));
		if (found?.metadata.uid === record.uid) return;
		throw new OperatorError("SUPERSEDED", `${record.kind} ${record.name} was restored by another leader`);
	}
}

function released(status: TradingSafetyStatus | undefined, name: string, to: Column): TradingSafetyStatus {
	const targets = (status?.targets ?? []).map((target) => {
		if (target.name !== name) return target;
		const { fencedAs: _held, ...rest } = target;
		return to === "Normal" ? rest : { ...rest, fencedAs: to };
	});
	return { ...status, targets };
}

function startAllowed(status: TradingSafetyStatus | undefined, name: string): TradingSafetyStatus {
	const targets = (status?.targets ?? []).map((target) =>
		target.name === name ? { ...target, startAllowed: true } : target,
	);
	return { ...status, targets };
}

function signalAllowed(status: TradingSafetyStatus | undefined, name: string): TradingSafetyStatus {
	const targets = (status?.targets ?? []).map((target) =>
		target.name === name ? { ...target, signalled: "Admit" as const } : target,
	);
	return { ...status, targets };
}

function withLost(status: TradingSafetyStatus | undefined, lost: readonly Workload[]): TradingSafetyStatus {
	if (lost.length === 0) return status ?? {};
	const rows = notRestoredRows(lost);
	const others = (status?.notRestored ?? []).filter(
		(row) => !rows.some((other) => other.kind === row.kind && other.name === row.name),
	);
	return { ...status, notRestored: [...others, ...rows].slice(-50) };
}
