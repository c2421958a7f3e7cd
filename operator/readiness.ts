import type { Context } from "./context.ts";
import type { Desks } from "./desks.ts";

const watchProofMilliseconds = 2_000;
const fenceProofMilliseconds = 5_000;

/** Why this replica should not be counted on. It enforces all the same. */
export function readiness(desks: Desks): readonly string[] {
	const now = performance.now();
	const problems: string[] = desks.definitionProblem === undefined ? [] : [desks.definitionProblem];
	if (now - (desks.agreedAt ?? Number.NEGATIVE_INFINITY) > watchProofMilliseconds) {
		problems.push("the watch of the desks has not agreed with a plain read for 2 s");
	}
	const known = new Map(desks.all().map((desk) => [desk.namespace, desk]));
	for (const namespace of desks.enforced()) {
		const desk = known.get(namespace);
		if (desk === undefined) continue;
		if (!desk.viewSynced) problems.push(`namespace ${namespace} has not been listed yet`);
		if ("error" in desk.fence && desk.fence.open === true) {
			problems.push(`the fence of namespace ${namespace} is open: ${desk.fence.error}`);
			continue;
		}
		if (now - (desk.fenceProvenAt ?? Number.NEGATIVE_INFINITY) > fenceProofMilliseconds) {
			const why = "error" in desk.fence ? desk.fence.error : "not seen for 5 s";
			problems.push(`the fence of namespace ${namespace} is not proven: ${why}`);
		}
	}
	return problems;
}

/** Brings the ages in the metrics up to now. */
export function publishAges({ metrics }: Context, desks: Desks): void {
	const now = performance.now();
	const age = (at: number | undefined) => (at === undefined ? -1 : (now - at) / 1000);
	metrics.watchAge.set(age(desks.agreedAt));
	for (const desk of desks.all()) {
		metrics.fenceAge.set({ namespace: desk.namespace }, age(desk.fenceProvenAt));
	}
}
