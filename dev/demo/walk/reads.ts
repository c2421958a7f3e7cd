import type { RestoreRecord, TradingSafety } from "../../../crds/types.ts";
import { apiGroup, apiVersion } from "../../../crds/vocabulary.ts";
import type { Client } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/error.ts";
import { pathOf } from "../../../kube/paths.ts";
import { deskPath } from "../demo.ts";
import { deskNamespace, type Part, partLabel, podObject } from "../desk.ts";

/** A workload as the API server has it. */
export type Owner = {
	readonly uid: string;
	readonly name: string;
	readonly part: string;
	readonly replicas: number;
	readonly ready: number;
};

type OwnerObject = {
	readonly metadata: {
		readonly uid: string;
		readonly name: string;
		readonly generation?: number;
		readonly labels?: Readonly<Record<string, string>>;
	};
	readonly spec: { readonly replicas?: number };
	readonly status?: { readonly observedGeneration?: number; readonly readyReplicas?: number };
};

const podsPath = pathOf({ group: "", version: "v1", resource: "pods", namespace: deskNamespace });
const ownersPath = (resource: string) =>
	pathOf({ group: "apps", version: "v1", resource, namespace: deskNamespace });
const recordsPath = pathOf({
	group: apiGroup,
	version: apiVersion,
	resource: "restorerecords",
	namespace: deskNamespace,
});

export function readDesk(admin: Client): Promise<TradingSafety> {
	return admin.get<TradingSafety>(deskPath);
}

/** UIDs of the pods of a target, those that are being stopped included. */
export async function podsOf(admin: Client, part: Part): Promise<readonly string[]> {
	const { items } = await admin.list<{ readonly metadata: { readonly uid: string } }>(podsPath, {
		labelSelector: `${partLabel}=${part}`,
	});
	return items.map(({ metadata }) => metadata.uid).sort();
}

/** All workloads of the desk, by name. */
export async function readOwners(admin: Client): Promise<readonly Owner[]> {
	const lists = await Promise.all(
		["deployments", "statefulsets"].map((resource) => admin.list<OwnerObject>(ownersPath(resource))),
	);
	return lists
		.flatMap(({ items }) => items)
		.map(({ metadata, spec, status }) => ({
			uid: metadata.uid,
			name: metadata.name,
			part: metadata.labels?.[partLabel] ?? "",
			replicas: spec.replicas ?? 1,
			ready:
				(status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) ? (status?.readyReplicas ?? 0) : 0,
		}))
		.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The replicas that each record remembers, by UID of its workload. */
export async function readRecords(admin: Client): Promise<ReadonlyMap<string, number>> {
	const { items } = await admin.list<RestoreRecord>(recordsPath);
	return new Map(items.map(({ spec }) => [spec.workload.uid, spec.replicas]));
}

/** Tries to create a pod of a target as the administrator, who has every right, by dry run. */
export async function tryPod(admin: Client, part: Part): Promise<"admitted" | "denied"> {
	try {
		await admin.create(podsPath, podObject(part), { dryRun: "All" });
		return "admitted";
	} catch (error) {
		if (isKubeError(error, "FORBIDDEN", "INVALID") && error.message.includes("tradingsafety"))
			return "denied";
		throw error;
	}
}

/** Tries again and again; when the first try was denied, by `performance.now()`. Undefined when `signal` ends it. */
export async function firstDenial(
	admin: Client,
	part: Part,
	signal: AbortSignal,
): Promise<number | undefined> {
	while (!signal.aborted) {
		if ((await tryPod(admin, part)) === "denied") return performance.now();
	}
	return undefined;
}
