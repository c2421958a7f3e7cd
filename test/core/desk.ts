import { type Facts, factsFrom } from "../../core/facts.ts";
import type { Observed, Pod, Recorded, Workload } from "../../core/observed.ts";
import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import type { TradingSafety } from "../../crds/types.ts";

/** A desk of a generation. */
export function deskOf(
	spec: TradingSafetySpec,
	status: TradingSafetyStatus | undefined = undefined,
	generation = 7,
): TradingSafety {
	return {
		apiVersion: "tradingsafety.dev/v1alpha1",
		kind: "TradingSafety",
		metadata: { name: "desk", namespace: "eu", uid: "desk-uid", resourceVersion: "100", generation },
		spec,
		...(status && { status }),
	};
}

/** A target that selects the label app with its own name. */
export const target = (
	name: string,
	rest: Partial<NonNullable<TradingSafetySpec["targets"]>[number]> = { preset: "Bot" },
) => ({ name, selector: { matchLabels: { app: name } }, ...rest });

/** A pod of an application. */
export const podOf = (app: string, rest: Partial<Pod> = {}): Pod => ({
	name: `${app}-pod`,
	uid: `${app}-pod-uid`,
	labels: { app },
	owned: true,
	...rest,
});

/** A Deployment of an application, all of it Ready. */
export const workloadOf = (app: string, replicas: number, rest: Partial<Workload> = {}): Workload => ({
	apiVersion: "apps/v1",
	kind: "Deployment",
	name: app,
	uid: `${app}-uid`,
	labels: { app },
	replicas,
	ready: replicas,
	...rest,
});

/** The record of {@link workloadOf}. */
export const recordOf = (app: string, replicas: number, heldAt = 7): Recorded => ({
	workloadUid: `${app}-uid`,
	apiVersion: "apps/v1",
	kind: "Deployment",
	name: app,
	replicas,
	target: app,
	heldAt,
	uid: `${app}-record`,
	resourceVersion: "50",
});

/** What was observed, from its parts. */
export const seen = (
	parts: { pods?: readonly Pod[]; workloads?: readonly Workload[]; records?: readonly Recorded[] } = {},
): Observed => ({
	pods: parts.pods ?? [],
	workloads: parts.workloads ?? [],
	records: new Map((parts.records ?? []).map((record) => [record.workloadUid, record])),
});

/** What a replica knows: the fence proven, the named targets confirmed gone. */
export function factsOf(
	desk: TradingSafety,
	observed: Observed,
	gone: readonly string[] = [],
	rest: Partial<Facts> = {},
): Facts {
	const at = "2026-01-01T00:00:05.000Z";
	const seen = {
		now: "2026-01-01T00:00:10.000Z",
		observed,
		fence: { generation: desk.metadata.generation ?? 0, uid: desk.metadata.uid, at },
		gone: new Map(gone.map((name) => [name, { at }])),
		enforceLabel: "targets",
		stamped: true,
	};
	return { ...factsFrom(desk, seen), ...rest };
}
