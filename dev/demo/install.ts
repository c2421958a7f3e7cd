import type { Client } from "../../kube/client.ts";
import { pathOf } from "../../kube/paths.ts";
import type { ClusterAccess } from "../cluster/access.ts";
import { waitFor } from "../cluster/deadline.ts";
import { kubectl } from "../cluster/kubectl.ts";
import { deskNamespace, namespaceObject, workloadObject, workloads } from "./desk.ts";
import { DemoError } from "./errors.ts";
import { roleBindings } from "./people.ts";

type WorkloadStatus = {
	readonly metadata: { readonly name: string };
	readonly spec: { readonly replicas?: number };
	readonly status?: { readonly readyReplicas?: number };
};

/** Creates the namespace of the desk, what people may do in it, and its workloads, which begin to run. */
export async function installDesk(cluster: ClusterAccess): Promise<void> {
	await apply(cluster, [namespaceObject, ...roleBindings(), ...workloads.map(workloadObject)]);
}

/** Waits until every workload of the desk has as many ready pods as its manifest says. */
export async function awaitWorkloads(
	admin: Client,
	report: (howFar: string) => void,
	signal: AbortSignal,
): Promise<void> {
	const wanted = workloads.reduce((sum, { replicas }) => sum + replicas, 0);
	await waitFor(
		"the desk's workloads run as before the halt",
		async () => {
			const found = await readWorkloads(admin);
			const ready = [...found.values()].reduce((sum, { status }) => sum + (status?.readyReplicas ?? 0), 0);
			report(`${ready} of ${wanted} pods ready`);
			return workloads.every(({ name, replicas }) => {
				const workload = found.get(name);
				return workload?.spec.replicas === replicas && (workload.status?.readyReplicas ?? 0) === replicas;
			});
		},
		{ timeoutMilliseconds: 60_000, intervalMilliseconds: 100, assertPossible: () => signal.throwIfAborted() },
	);
}

async function readWorkloads(admin: Client): Promise<ReadonlyMap<string, WorkloadStatus>> {
	const lists = await Promise.all(
		["deployments", "statefulsets"].map((resource) =>
			admin.list<WorkloadStatus>(
				pathOf({ group: "apps", version: "v1", resource, namespace: deskNamespace }),
			),
		),
	);
	return new Map(lists.flatMap(({ items }) => items.map((item) => [item.metadata.name, item] as const)));
}

async function apply(cluster: ClusterAccess, objects: readonly object[]): Promise<void> {
	const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
	await run(cluster, ["apply", "--server-side", "-f", "-"], input);
}

async function run(cluster: ClusterAccess, args: readonly string[], input?: string): Promise<void> {
	const { code, stderr } = await kubectl(cluster, args, input === undefined ? {} : { input });
	if (code !== 0) throw new DemoError("SetupFailed", `kubectl ${args.join(" ")}: ${stderr.trim()}`);
}
