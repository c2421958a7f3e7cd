import { type GuardProbe, guarded } from "../../core/guards.ts";
import { stopPlan } from "../../core/plan.ts";
import { type Attempt, describeTrial, rehearsed, type Trial, trials } from "../../core/rehearsal.ts";
import { isKubeError } from "../../kube/error.ts";
import { type PassResult, WorkQueue } from "../../kube/work-queue.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { failedCall } from "../failed-call.ts";
import { probeGuards } from "../guard-probe.ts";
import { deskPath, newRecord, podsPath, recordsPath, workloadPath } from "../resources.ts";

const restMilliseconds = 15_000;
/** While something is in the way, for whoever mends it. */
const doubtMilliseconds = 5_000;
/** After a change of spec the halt itself goes first. */
const quietMilliseconds = 1_000;
/** Longer than a webhook may take by default, so that the API server gets to name it. */
const deadlineMilliseconds = 12_000;

/**
 * Would a halt get through now? Tries by dry run what one would need, so that a webhook that is down, a missing
 * right or a quota is named before it matters. Never while something is being stopped.
 */
export class Rehearser implements Controller {
	readonly #context: Context;
	readonly #onFinding: (desk: DeskState) => void;
	readonly #desks = new Map<string, DeskState>();
	readonly #queue: WorkQueue;

	constructor(context: Context, onFinding: (desk: DeskState) => void) {
		this.#context = context;
		this.#onFinding = onFinding;
		this.#queue = new WorkQueue({
			name: "rehearse",
			concurrency: 2,
			pass: (namespace, signal) => this.#pass(namespace, signal),
			onError: ({ key, error, interrupted }) => {
				if (interrupted) return;
				context.metrics.errors.inc({ where: "rehearse" });
				context.log.error({ namespace: key, err: error }, "could not rehearse");
			},
		});
	}

	/** The desk was changed: what is being tried makes place. */
	look(desk: DeskState): void {
		this.#desks.set(desk.namespace, desk);
		this.#queue.interrupt(desk.namespace);
	}

	forget(desk: DeskState): void {
		this.#desks.delete(desk.namespace);
	}

	async stop(): Promise<void> {
		await this.#queue.stop({ deadlineMilliseconds: 0 });
	}

	async #pass(namespace: string, signal: AbortSignal): Promise<PassResult> {
		const desk = this.#desks.get(namespace);
		if (desk === undefined || desk.isOrphan) return undefined;
		const wait = quietMilliseconds - (performance.now() - desk.seenAt);
		if (wait > 0) return { requeueAfterMilliseconds: wait };
		const observed = desk.view.observed();
		if (!desk.viewSynced || stopPlan(desk.object, observed).length > 0) {
			return { requeueAfterMilliseconds: quietMilliseconds };
		}
		const attempts: Attempt[] = [];
		for (const trial of trials(desk.object, observed)) attempts.push(await this.#try(desk, trial, signal));
		const { client, clock } = this.#context;
		const probe = await probeGuards(client, desk, clock.now(), signal);
		this.#tellGuards(desk, probe);
		const before = desk.rehearsal;
		desk.guards = probe;
		desk.rehearsal = { at: clock.now(), attempts };
		this.#tell(desk, before);
		this.#onFinding(desk);
		const isWell = attempts.every(({ failure }) => failure === undefined);
		return { requeueAfterMilliseconds: isWell ? restMilliseconds : doubtMilliseconds };
	}

	async #try(desk: DeskState, trial: Trial, signal: AbortSignal): Promise<Attempt> {
		const what = describeTrial(trial);
		const { metrics } = this.#context;
		try {
			await this.#call(desk, trial, signal);
			metrics.rehearsals.inc({ trial: trial.kind, result: "passed" });
			return { what };
		} catch (error) {
			if (isKubeError(error, "CANCELLED")) throw error;
			// Gone or changed since it was seen: a halt would find it so, too.
			const isMoot = trial.kind === "DeletePod" || trial.kind === "ScaleToZero";
			if (isMoot && isKubeError(error, "NOT_FOUND", "CONFLICT")) return { what };
			metrics.rehearsals.inc({ trial: trial.kind, result: "refused" });
			return { what, failure: failedCall(error) };
		}
	}

	async #call(desk: DeskState, trial: Trial, signal: AbortSignal): Promise<unknown> {
		const { client, identity } = this.#context;
		const { namespace } = desk;
		const options = { deadlineMilliseconds, signal };
		switch (trial.kind) {
			case "DeletePod": {
				const preconditions = { uid: trial.pod.uid };
				const body = { apiVersion: "v1", kind: "DeleteOptions", dryRun: ["All"], preconditions };
				return client.delete(podsPath(namespace, trial.pod.name), body, options);
			}
			case "ScaleToZero": {
				const kind = desk.view.kindOf(trial.workload);
				// It went since it was seen.
				if (kind === undefined) return undefined;
				const path = workloadPath(kind, namespace, trial.workload.name, kind.setting.subresource);
				return client.patch(path, kind.setting.patch(0), { type: "merge", dryRun: true }, options);
			}
			case "CreateRecord": {
				const record = newRecord(
					nobody,
					{ replicas: 0 },
					"rehearsal",
					desk.object.metadata.generation ?? 0,
					identity,
				);
				return client.create(recordsPath(namespace), record, { dryRun: "All" }, options);
			}
			case "Raise": {
				const raise = { spec: { mode: "Emergency" } };
				return client.patch(deskPath(namespace), raise, { type: "merge", dryRun: true }, options);
			}
		}
	}

	#tellGuards(desk: DeskState, probe: GuardProbe): void {
		const { log, metrics } = this.#context;
		const { status, message } = guarded(desk.object, probe.at, probe);
		if (status !== "False") return;
		metrics.errors.inc({ where: "guard-open" });
		log.error({ namespace: desk.namespace, found: message }, "the way down is not guarded");
	}

	/** Says in the log when it turns out otherwise than last time. */
	#tell(desk: DeskState, before: DeskState["rehearsal"]): void {
		const { clock, log } = this.#context;
		const now = clock.now();
		const told = before === undefined ? undefined : rehearsed(desk.object, { now, rehearsal: before });
		const found = rehearsed(desk.object, { now, ...(desk.rehearsal && { rehearsal: desk.rehearsal }) });
		if (told?.status === found.status && told.reason === found.reason) return;
		const line = { namespace: desk.namespace, reason: found.reason, found: found.message };
		if (found.status === "False") log.error(line, "a halt would not get through");
		else log.info(line, "rehearsed a halt");
	}
}

/** Whose record is tried: of no workload that exists. */
const nobody = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	name: "rehearsal",
	uid: "rehearsal",
	labels: {},
	replicas: 0,
	ready: 0,
};
