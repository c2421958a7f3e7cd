import type { Workload } from "../core/observed.ts";
import type { StopEffect } from "../core/plan.ts";
import type { TradingSafety } from "../crds/types.ts";
import { heldAtAnnotation } from "../crds/vocabulary.ts";
import type { Client } from "../kube/client.ts";
import { isKubeError } from "../kube/error.ts";
import type { Context } from "./context.ts";
import type { DeskState } from "./desk-state.ts";
import { deskPath, newRecord, podsPath, recordsPath, type Scale, scalePath } from "./resources.ts";

/** How often a scaling that met another version of its workload is tried at once; then it waits its turn. */
const mostTries = 5;
const options = { priority: "emergency", deadlineMilliseconds: 5_000 } as const;

/** The desk as the API server has it now. */
export function readDesk(client: Client, namespace: string): Promise<TradingSafety> {
	return client.get<TradingSafety>(deskPath(namespace), undefined, options);
}

/** Makes one call of a stop plan. Resolves also where it was made before, and where it is not wanted any more. */
export async function callToStop(context: Context, desk: DeskState, effect: StopEffect): Promise<void> {
	const { client, identity } = context;
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
			// A watch that fell silent in an earlier halt shows what it left, not what runs now.
			const scale = await scaleNow(client, scalePath(namespace, effect.workload), effect.workload.uid);
			if (scale === undefined) return;
			const replicas = scale.spec?.replicas ?? 0;
			if (replicas !== effect.workload.replicas) desk.view.relist("a read showed other replicas");
			const record = newRecord({ ...effect.workload, replicas }, effect.target, generation, identity);
			return settled(client.create(recordsPath(namespace), record, undefined, options), "ALREADY_EXISTS");
		}
		case "ClaimRecord": {
			const body = { metadata: { annotations: { [heldAtAnnotation]: String(generation) } } };
			const path = recordsPath(namespace, effect.workload.uid);
			return settled(client.patch(path, body, { type: "merge" }, options), "NOT_FOUND");
		}
		case "ScaleToZero":
			return scaleToZero(client, desk, effect.workload, generation);
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
	workload: Workload,
	generation: number,
): Promise<void> {
	const path = scalePath(desk.namespace, workload);
	for (let tries = 1; ; tries += 1) {
		const scale = await scaleNow(client, path, workload.uid);
		if (scale === undefined) return;
		const fresh = await readDesk(client, desk.namespace);
		desk.accept(fresh);
		if (fresh.metadata.generation !== generation || fresh.metadata.uid !== desk.object.metadata.uid) return;
		const { resourceVersion } = scale.metadata;
		const body = { metadata: { resourceVersion }, spec: { replicas: 0 } };
		try {
			await settled(client.patch(path, body, { type: "merge" }, options), "NOT_FOUND");
			return;
		} catch (error) {
			// Its controller counts pods all the time while they are stopped.
			if (!isKubeError(error, "CONFLICT") || tries >= mostTries) throw error;
		}
	}
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

/** The scale of the workload with this UID now; undefined when it is gone or another. */
async function scaleNow(client: Client, path: string, uid: string): Promise<Scale | undefined> {
	try {
		const scale = await client.get<Scale>(path, undefined, options);
		return scale.metadata.uid === uid ? scale : undefined;
	} catch (error) {
		if (isKubeError(error, "NOT_FOUND")) return undefined;
		throw error;
	}
}
