import { forbiddenPatch, type Guard, type GuardProbe, type GuardTrial, guards } from "../core/guards.ts";
import { policyName } from "../crds/policies/policy.ts";
import type { Client } from "../kube/client.ts";
import { isKubeError } from "../kube/error.ts";
import type { DeskState } from "./desk-state.ts";
import { deskPath } from "./resources.ts";

/** Tries by dry run what the operator's account has no right to. Rejects only when `signal` ends it. */
export async function probeGuards(
	client: Client,
	desk: DeskState,
	at: string,
	signal: AbortSignal,
): Promise<GuardProbe> {
	const trials: GuardTrial[] = [];
	for (const guard of Object.keys(guards) as Guard[]) {
		trials.push({ guard, result: await probe(client, desk, guard, signal) });
	}
	return { at, trials };
}

async function probe(
	client: Client,
	desk: DeskState,
	guard: Guard,
	signal: AbortSignal,
): Promise<GuardTrial["result"]> {
	const path = deskPath(desk.namespace, guard === "status" ? "status" : undefined);
	try {
		await client.patch(path, forbiddenPatch(guard, desk.object), { type: "merge", dryRun: true }, { signal });
		return "LetThrough";
	} catch (error) {
		if (!isKubeError(error) || error.code === "CANCELLED") throw error;
		return error.message.includes(`'${policyName(guard)}'`) ? "Refused" : { unsure: error.message };
	}
}
