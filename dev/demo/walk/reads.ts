import type { RestoreRecord, TradingSafety } from "../../../crds/types.ts";
import { apiGroup, apiVersion } from "../../../crds/vocabulary.ts";
import { isKubeError } from "../../../kube/error.ts";
import { pathOf } from "../../../kube/paths.ts";
import { type Part, partLabel, podObject } from "../desk.ts";
import { deskPath, type Place } from "../place.ts";

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

type Where = Pick<Place, "namespace">;

const podsPath = ({ namespace }: Where) => pathOf({ group: "", version: "v1", resource: "pods", namespace });
const ownersPath = ({ namespace }: Where, resource: string) =>
	pathOf({ group: "apps", version: "v1", resource, namespace });
const recordsPath = ({ namespace }: Where) =>
	pathOf({ group: apiGroup, version: apiVersion, resource: "restorerecords", namespace });

export function readDesk(place: Place): Promise<TradingSafety> {
	return place.admin.get<TradingSafety>(deskPath(place));
}

/** UIDs of the pods of a target, those that are being stopped included. */
export async function podsOf(place: Place, part: Part): Promise<readonly string[]> {
	const { items } = await place.admin.list<{ readonly metadata: { readonly uid: string } }>(podsPath(place), {
		labelSelector: `${partLabel}=${part}`,
	});
	return items.map(({ metadata }) => metadata.uid).sort();
}

/** All workloads of the desk, by name. */
export async function readOwners(place: Place): Promise<readonly Owner[]> {
	const lists = await Promise.all(
		["deployments", "statefulsets"].map((resource) =>
			place.admin.list<OwnerObject>(ownersPath(place, resource)),
		),
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
export async function readRecords(place: Place): Promise<ReadonlyMap<string, number>> {
	const { items } = await place.admin.list<RestoreRecord>(recordsPath(place));
	return new Map(items.map(({ spec }) => [spec.workload.uid, spec.replicas]));
}

/** Tries to create a pod of a target as the administrator, who has every right, by dry run. */
export async function tryPod(place: Place, part: Part): Promise<"admitted" | "denied"> {
	try {
		await place.admin.create(podsPath(place), podObject(part, place), { dryRun: "All" });
		return "admitted";
	} catch (error) {
		if (
			isKubeError(error, "FORBIDDEN", "INVALID") &&
			error.message.includes("ValidatingAdmissionPolicy 'tradingsafety-")
		)
			return "denied";
		throw error;
	}
}

/** Tries again and again; when the first try was denied, by `performance.now()`. Undefined when `signal` ends it. */
export async function firstDenial(
	place: Place,
	part: Part,
	signal: AbortSignal,
): Promise<number | undefined> {
	while (!signal.aborted) {
		if ((await tryPod(place, part)) === "denied") return performance.now();
	}
	return undefined;
}
