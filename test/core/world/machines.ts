import { createPod, deletePod, latest, reportPod, reportWorkload, type World } from "./api.ts";

/** The controller of the workloads takes one look at each: at most one pod more or less, and a report. */
export function controllersWork(world: World): void {
	for (const workload of latest(world, "workloads").values()) {
		const mine = [...latest(world, "pods").values()].filter((pod) => pod.owner === workload.uid);
		const alive = mine.filter((pod) => pod.stopping === undefined);
		const [surplus] = alive;
		if (alive.length > workload.replicas && surplus !== undefined) deletePod(world, surplus.uid);
		else if (alive.length < workload.replicas) createPod(world, workload.labels, workload.uid);
		const ready = alive.filter((pod) => pod.ready).length;
		reportWorkload(world, workload, Math.min(ready, workload.replicas));
	}
}

/** The kubelet gets to the nth pod: one that was told to stop is gone, another becomes ready. */
export function kubeletWorks(world: World, nth: number): void {
	const waiting = [...latest(world, "pods").values()].filter(
		(pod) => pod.stopping !== undefined || !pod.ready,
	);
	const pod = waiting[nth % Math.max(1, waiting.length)];
	if (pod !== undefined) reportPod(world, pod, pod.stopping === undefined ? "Ready" : "Gone");
}

/** The fence is told of the next change of the desk. */
export function fenceIsTold(world: World): void {
	world.fenceSees = Math.min(world.fenceSees + 1, world.versions.desks.length - 1);
}
