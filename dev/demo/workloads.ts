import { pathOf } from "../../kube/paths.ts";
import type { Place } from "./place.ts";

type WorkloadStatus = {
	readonly metadata: { readonly name: string };
	readonly spec: { readonly replicas?: number };
	readonly status?: { readonly readyReplicas?: number };
};

/** Whether every workload of the desk has as many ready pods as its manifest says, and how many there are. */
export async function readHowFar(
	place: Place,
): Promise<{ readonly running: boolean; readonly howFar: string }> {
	const { workloads } = place.plan;
	const wanted = workloads.reduce((sum, { replicas }) => sum + replicas, 0);
	const found = await readWorkloads(place);
	const ready = [...found.values()].reduce((sum, { status }) => sum + (status?.readyReplicas ?? 0), 0);
	const running = workloads.every(({ name, replicas }) => {
		const workload = found.get(name);
		return workload?.spec.replicas === replicas && (workload.status?.readyReplicas ?? 0) === replicas;
	});
	return { running, howFar: `${ready} of ${wanted} pods ready` };
}

async function readWorkloads({ admin, namespace }: Place): Promise<ReadonlyMap<string, WorkloadStatus>> {
	const lists = await Promise.all(
		["deployments", "statefulsets"].map((resource) =>
			admin.list<WorkloadStatus>(pathOf({ group: "apps", version: "v1", resource, namespace })),
		),
	);
	return new Map(lists.flatMap(({ items }) => items.map((item) => [item.metadata.name, item] as const)));
}
