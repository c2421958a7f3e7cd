import type { Recorded, Workload } from "../core/observed.ts";
import type { StopEffect } from "../core/plan.ts";
import type { RestoreRecord, TradingSafety } from "../crds/types.ts";
import { heldAtAnnotation } from "../crds/vocabulary.ts";
import type { CallOptions, Client } from "../kube/client.ts";
import { ifThere, isKubeError } from "../kube/error.ts";
import type { Context } from "./context.ts";
import type { DeskState } from "./desk-state.ts";
import { deskPath, newRecord, podsPath, recordsPath, workloadPath } from "./resources.ts";
import { type WorkloadKind, type WorkloadObject, withVersion } from "./workloads/kind.ts";

/** How often a scaling that met another version of its workload is tried at once; then it waits its turn. */
const mostTries = 5;
const limits = { priority: "emergency", deadlineMilliseconds: 5_000 } as const;

/** The desk as the API server has it now. */
export function readDesk(
	client: Client,
	namespace: string,
	options: CallOptions = {},
): Promise<TradingSafety> {
	return client.get<TradingSafety>(deskPath(namespace), undefined, { ...limits, ...options });
}

/**
 * Makes one call of a stop plan. Resolves also where it was made before, and where it is not wanted any more.
 * `signal` ends it; what reached the API server by then is done.
 */
export async function callToStop(
	context: Context,
	desk: DeskState,
	effect: StopEffect,
	signal: AbortSignal,
): Promise<void> {
	const { client, identity } = context;
	const options = { ...limits, signal };
	const { namespace } = desk;
	const generation = desk.object.metadata.generation ?? 0;
	switch (effect.kind) {
		case "DeletePod": {
			// DELETE and not Eviction: budgets must not delay a halt.
			const body = {
				apiVersion: "v1",
				kind: "DeleteOptions",
				preconditions: { uid: effect.pod.uid },
				...(effect.graceSeconds !== undefined && { gracePeriodSeconds: effect.graceSeconds }),
			};
			const path = podsPath(namespace, effect.pod.name);
			return settled(client.delete(path, body, options), "NOT_FOUND", "CONFLICT");
		}
		case "CreateRecord": {
			const kind = desk.view.kindOf(effect.workload);
			if (kind === undefined) return;
			// A watch that fell silent in an earlier halt shows what it left, not what runs now.
			const object = await objectNow(client, kind, namespace, effect.workload, options);
			if (object === undefined) return;
			const present = kind.setting.read(object);
			if (present.replicas !== effect.workload.replicas) desk.view.relist("a read showed other replicas");
			const record = newRecord(effect.workload, present, effect.target, generation, identity);
			return settled(client.create(recordsPath(namespace), record, undefined, options), "ALREADY_EXISTS");
		}
		case "ClaimRecord": {
			const body = { metadata: { annotations: { [heldAtAnnotation]: String(generation) } } };
			const path = recordsPath(namespace, effect.workload.uid);
			return settled(client.patch(path, body, { type: "merge" }, options), "NOT_FOUND");
		}
		case "ScaleToZero":
			return scaleToZero(client, desk, effect, generation, options);
	}
}

/**
 * Scales to zero what was there before the desk was read: in a halt that is over the record is gone, and nothing
 * would bring the workload back. Whatever restored it meanwhile gave it another resourceVersion, so a call that
 * arrives late, or that a replica makes which slept in between, is refused.
 */
async function scaleToZero(
	client: Client,
	desk: DeskState,
	{ workload, record }: Extract<StopEffect, { kind: "ScaleToZero" }>,
	generation: number,
	options: CallOptions,
): Promise<void> {
	const { namespace } = desk;
	const kind = desk.view.kindOf(workload);
	if (kind === undefined) return;
	const { setting } = kind;
	const path = workloadPath(kind, namespace, workload.name, setting.subresource);
	for (let tries = 1; ; tries += 1) {
		const object = await objectNow(client, kind, namespace, workload, options);
		if (object === undefined) return;
		if (!desk.isOrphan) {
			const recorded = record === undefined || isStillRecorded(client, desk, record, options);
			const [wanted, known] = await Promise.all([isStillWanted(client, desk, generation, options), recorded]);
			if (!wanted || !known) return;
		}
		const body = withVersion(setting.patch(0), object.metadata.resourceVersion);
		try {
			await settled(client.patch(path, body, { type: "merge" }, options), "NOT_FOUND");
			return;
		} catch (error) {
			// Its controller counts pods all the time while they are stopped.
			if (!isKubeError(error, "CONFLICT") || tries >= mostTries) throw error;
		}
	}
}

/** What the watch shows may be of a store that was restored meanwhile, and the record gone with it. */
async function isStillRecorded(
	client: Client,
	desk: DeskState,
	record: Recorded,
	options: CallOptions,
): Promise<boolean> {
	const path = recordsPath(desk.namespace, record.workloadUid);
	const found = await ifThere(client.get<RestoreRecord>(path, undefined, options));
	if (found?.metadata.uid === record.uid) return true;
	desk.view.relist("a record that was seen is not there");
	return false;
}

async function isStillWanted(
	client: Client,
	desk: DeskState,
	generation: number,
	options: CallOptions,
): Promise<boolean> {
	const begunAt = performance.now();
	const fresh = await readDesk(client, desk.namespace, options);
	desk.accept(fresh, begunAt);
	return fresh.metadata.generation === generation && fresh.metadata.uid === desk.object.metadata.uid;
}

/** Waits for a call; the codes named mean that what was wanted is so already. */
async function settled(
	call: Promise<unknown>,
	...codes: readonly ("NOT_FOUND" | "CONFLICT" | "ALREADY_EXISTS")[]
): Promise<void> {
	try {
		await call;
	} catch (error) {
		if (!isKubeError(error, ...codes)) throw error;
	}
}

/** The workload with this UID as it is now; undefined when it is gone or another. */
async function objectNow(
	client: Client,
	kind: WorkloadKind,
	namespace: string,
	{ name, uid }: Workload,
	options: CallOptions,
): Promise<WorkloadObject | undefined> {
	const path = workloadPath(kind, namespace, name);
	const object = await ifThere(client.get<WorkloadObject>(path, undefined, options));
	return object?.metadata.uid === uid ? object : undefined;
}
