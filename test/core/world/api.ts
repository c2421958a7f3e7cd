import type { Recorded } from "../../../core/observed.ts";
import type { TradingSafetyStatus } from "../../../crds/status.ts";
import type { TradingSafety } from "../../../crds/types.ts";
import { denies, heldAgainst, isClosed, severityOf, targetsFor, worldTargets } from "./oracle.ts";

type Labels = Readonly<Record<string, string>>;

/** A pod as the API server keeps it. */
export type WorldPod = {
	readonly uid: string;
	readonly labels: Labels;
	readonly owner?: string;
	readonly ready: boolean;
	readonly stopping?: { readonly graceSeconds: number };
};

/** A workload as the API server keeps it. */
export type WorldWorkload = {
	readonly uid: string;
	readonly createdAt: string;
	readonly labels: Labels;
	readonly replicas: number;
	readonly generation: number;
	readonly observedGeneration: number;
	readonly readyReplicas: number;
	readonly resourceVersion: string;
};

/** Every version that each kind ever had, oldest first: a stale cache is an index into it. */
export type Versions = {
	readonly desks: TradingSafety[];
	readonly workloads: ReadonlyMap<string, WorldWorkload>[];
	readonly pods: ReadonlyMap<string, WorldPod>[];
	readonly records: ReadonlyMap<string, Recorded>[];
};

/** Name of a kind that is watched. */
export type Kind = keyof Versions;

/** A cluster in which everything happens one call at a time. */
export type World = {
	readonly versions: Versions;
	/** Index of the desk that the fence judges by: it is told of changes a little late. */
	fenceSees: number;
	/** Source of UIDs, resource versions and times. */
	count: number;
	/** What people want each workload to be; `meddled` once they changed it in a halt or a restore. */
	readonly wishes: Map<string, { readonly replicas: number; readonly meddled: boolean }>;
	/** What must never have happened. */
	readonly breaches: string[];
};

/** How a call ended. */
export type Outcome = "Done" | "Conflict" | "NotFound" | "Denied" | "Exists";

/** A cluster with a desk in Normal and nothing in it. */
export function newWorld(targetNames: readonly string[]): World {
	const targets = targetNames.flatMap((name) => worldTargets.filter((target) => target.spec.name === name));
	const desk: TradingSafety = {
		apiVersion: "tradingsafety.dev/v1alpha1",
		kind: "TradingSafety",
		metadata: { name: "desk", namespace: "eu", uid: "desk-uid", resourceVersion: "0", generation: 1 },
		spec: { mode: "Normal", freeze: false, targets: targets.map((target) => target.spec) },
	};
	return {
		versions: { desks: [desk], workloads: [new Map()], pods: [new Map()], records: [new Map()] },
		fenceSees: 0,
		count: 0,
		wishes: new Map(),
		breaches: [],
	};
}

/** The newest version of a kind. */
export function latest<K extends Kind>(world: World, kind: K): Versions[K][number] {
	const all: readonly Versions[K][number][] = world.versions[kind];
	const last = all.at(-1);
	if (last === undefined) throw new Error(`${kind} has no version`);
	return last;
}

/** A number that was never given before, as text. */
export const next = (world: World): string => String(++world.count);

/** The time, which passes with every call. */
export const now = (world: World): string => new Date(world.count * 1000).toISOString();

/** The desk as the fence sees it. */
export const fencedBy = (world: World): TradingSafety =>
	world.versions.desks[world.fenceSees] ?? latest(world, "desks");

function put<V>(log: ReadonlyMap<string, V>[], key: string, value: V | undefined): void {
	const changed = new Map(log.at(-1));
	if (value === undefined) changed.delete(key);
	else changed.set(key, value);
	log.push(changed);
}

/** Writes spec, as somebody who may. */
export function writeSpec(world: World, spec: TradingSafety["spec"]): void {
	const desk = latest(world, "desks");
	const generation = (desk.metadata.generation ?? 0) + 1;
	const metadata = { ...desk.metadata, generation, resourceVersion: next(world) };
	world.versions.desks.push({ ...desk, metadata, spec });
}

/** Writes status if nobody wrote the desk since; opening anything and clearing need the leader's right. */
export function writeStatus(
	world: World,
	resourceVersion: string,
	status: TradingSafetyStatus,
	mayClear: boolean,
): Outcome {
	const before = latest(world, "desks");
	if (before.metadata.resourceVersion !== resourceVersion) return "Conflict";
	const after = { ...before, metadata: { ...before.metadata, resourceVersion: next(world) }, status };
	const opens = worldTargets.some(({ spec: { name } }) => {
		const [old, young] = [heldAgainst(before, name), heldAgainst(after, name)];
		return old !== undefined && (young === undefined || severityOf(young) < severityOf(old));
	});
	const clears =
		status.clearance !== undefined && status.clearance.generation !== before.status?.clearance?.generation;
	if ((opens || clears) && !mayClear) return "Denied";
	judgeClaims(world, before, after);
	world.versions.desks.push(after);
	return "Done";
}

/** Statements in status are checked against the cluster itself. */
function judgeClaims(world: World, before: TradingSafety, after: TradingSafety): void {
	const pods = [...latest(world, "pods").values()];
	const running = pods.filter((pod) => denies(before, pod.labels)).map((pod) => pod.uid);
	const generation = after.metadata.generation;
	const confirmed = after.status?.conditions?.find((condition) => condition.type === "Confirmed");
	const claim = (what: string) => world.breaches.push(`${what} while pods ${running.join(", ")} were there`);
	if (running.length > 0) {
		if (confirmed?.status === "True" && confirmed.observedGeneration === generation) claim("Confirmed");
		if (after.status?.clearance?.generation === generation) claim("cleared");
	}
	for (const { name, startAllowed } of after.status?.targets ?? []) {
		const old = before.status?.targets?.find((target) => target.name === name);
		if (startAllowed === true && old?.startAllowed !== true && running.length > 0) claim(`start of ${name}`);
	}
	for (const target of worldTargets) {
		const name = target.spec.name;
		const isOpened = isClosed(before, target) && !isClosed(after, target) && target.row.Normal === "Run";
		const liquidating = pods.some((pod) =>
			targetsFor(before, pod.labels).some((rival) => rival.row.Normal === "Stop" && isClosed(before, rival)),
		);
		if (isOpened && liquidating) world.breaches.push(`${name} released while a liquidator was there`);
	}
}

/** Creates a pod, unless the fence denies it. */
export function createPod(world: World, labels: Labels, owner?: string): Outcome {
	if (denies(fencedBy(world), labels)) return "Denied";
	const uid = `pod-${next(world)}`;
	put(world.versions.pods, uid, { uid, labels, ready: false, ...(owner !== undefined && { owner }) });
	return "Done";
}

/** Tells a pod to stop; a second word may only shorten its grace. */
export function deletePod(world: World, uid: string, graceSeconds = 30): Outcome {
	const pod = latest(world, "pods").get(uid);
	if (pod === undefined) return "NotFound";
	const grace = Math.min(graceSeconds, pod.stopping?.graceSeconds ?? graceSeconds);
	put(world.versions.pods, uid, { ...pod, ready: false, stopping: { graceSeconds: grace } });
	return "Done";
}

/** What a kubelet says of a pod: that it is ready, or (undefined) that it is gone. */
export function reportPod(world: World, pod: WorldPod, is: "Ready" | "Gone"): void {
	put(world.versions.pods, pod.uid, is === "Ready" ? { ...pod, ready: true } : undefined);
}

/** Creates a workload, unless it would grow a closed target. */
export function createWorkload(world: World, labels: Labels, replicas: number): Outcome {
	if (replicas > 0 && denies(fencedBy(world), labels)) return "Denied";
	const uid = `workload-${next(world)}`;
	const rest = { generation: 1, observedGeneration: 0, readyReplicas: 0, resourceVersion: next(world) };
	put(world.versions.workloads, uid, { uid, createdAt: now(world), labels, replicas, ...rest });
	world.wishes.set(uid, { replicas, meddled: false });
	return "Done";
}

/** Deletes a workload; its pods go with it. */
export function deleteWorkload(world: World, uid: string): void {
	put(world.versions.workloads, uid, undefined);
	world.wishes.delete(uid);
	for (const pod of latest(world, "pods").values()) if (pod.owner === uid) deletePod(world, pod.uid);
}

/** Scales a workload; with `resourceVersion` only if nobody wrote it since. */
export function scale(world: World, uid: string, replicas: number, resourceVersion?: string): Outcome {
	const workload = latest(world, "workloads").get(uid);
	if (workload === undefined) return "NotFound";
	if (resourceVersion !== undefined && workload.resourceVersion !== resourceVersion) return "Conflict";
	if (replicas > workload.replicas && denies(fencedBy(world), workload.labels)) return "Denied";
	if (replicas === workload.replicas) return "Done";
	const generation = workload.generation + 1;
	put(world.versions.workloads, uid, { ...workload, replicas, generation, resourceVersion: next(world) });
	return "Done";
}

/** What the controller of a workload reports of it. */
export function reportWorkload(world: World, workload: WorldWorkload, readyReplicas: number): void {
	const observedGeneration = workload.generation;
	if (workload.observedGeneration === observedGeneration && workload.readyReplicas === readyReplicas) return;
	const report = { observedGeneration, readyReplicas, resourceVersion: next(world) };
	put(world.versions.workloads, workload.uid, { ...workload, ...report });
}

/** Creates a record; one that is there stays as it is. */
export function createRecord(world: World, record: Omit<Recorded, "uid" | "resourceVersion">): Outcome {
	if (latest(world, "records").has(record.workloadUid)) return "Exists";
	const uid = `record-${next(world)}`;
	put(world.versions.records, record.workloadUid, { ...record, uid, resourceVersion: next(world) });
	return "Done";
}

/** Writes the generation that found the workload stopped. */
export function claimRecord(world: World, workloadUid: string, heldAt: number): Outcome {
	const record = latest(world, "records").get(workloadUid);
	if (record === undefined) return "NotFound";
	put(world.versions.records, workloadUid, { ...record, heldAt, resourceVersion: next(world) });
	return "Done";
}

/** Deletes exactly the record that was seen. */
export function deleteRecord(world: World, seen: Recorded): Outcome {
	const record = latest(world, "records").get(seen.workloadUid);
	if (record === undefined) return "NotFound";
	if (record.uid !== seen.uid || record.resourceVersion !== seen.resourceVersion) return "Conflict";
	const workload = latest(world, "workloads").get(seen.workloadUid);
	if (workload !== undefined && workload.replicas === 0 && record.replicas > 0) {
		const meddled = world.wishes.get(workload.uid)?.meddled === true;
		if (!meddled) world.breaches.push(`the record of ${workload.uid} was lost before its restore`);
	}
	put(world.versions.records, seen.workloadUid, undefined);
	return "Done";
}
