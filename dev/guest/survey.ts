import { leaderLease } from "../../crds/roles.ts";
import { wait } from "../../kube/backoff.ts";
import type { Client } from "../../kube/client.ts";
import { ifThere } from "../../kube/error.ts";
import { pathOf } from "../../kube/paths.ts";
import { GuestError } from "./errors.ts";
import { apiObjects, managedByLabel, manager, type PolicySet, removeCommand } from "./manifests.ts";
import { type AnyObject, kinds, nameOf, pathOfObject } from "./objects.ts";
import { difference } from "./same.ts";

/** Whether the API is on the cluster. */
export type InstalledApi =
	| { readonly kind: "Absent" }
	/** With the same content. `byDemo`: another demo made it, and the last demo removes it. */
	| { readonly kind: "Same"; readonly byDemo: boolean };

/** Looks for the API. @throws GuestError `OtherContent` when it is there in part, or differs */
export async function findApi(client: Client, policies: PolicySet): Promise<InstalledApi> {
	const wanted = apiObjects(policies);
	const found = await Promise.all(
		wanted.map((object) => ifThere(client.get<AnyObject>(pathOfObject(object)))),
	);
	const present = found.filter((object) => object !== undefined);
	if (present.length === 0) return { kind: "Absent" };
	const byDemo = present.some(({ metadata }) => metadata.labels?.[managedByLabel] === manager);
	const advice = byDemo
		? `another demo is being started or ended, or one left it (${removeCommand} takes it away)`
		: "install this version whole (kubectl apply -f crds/generated/), or take the other away";
	for (const [index, object] of wanted.entries()) {
		const live = found[index];
		if (live === undefined) {
			const some = `${present.length} of ${wanted.length} objects are there, ${nameOf(object)} is not`;
			throw new GuestError("OtherContent", `The cluster has the API in part (${some}): ${advice}.`);
		}
		const where = difference(object, live);
		if (where !== undefined) {
			const which = `${nameOf(object)} differs at ${where}`;
			throw new GuestError(
				"OtherContent",
				`The cluster has the API with other content (${which}): ${advice}.`,
			);
		}
	}
	return { kind: "Same", byDemo };
}

type ResourceList = { readonly resources: readonly { readonly name: string }[] };

/** The policies that the cluster can have. */
export async function readPolicySet(client: Client): Promise<PolicySet> {
	const { group, version, resource } = kinds.MutatingAdmissionPolicy;
	const { resources } = await client.get<ResourceList>(`/apis/${group}/${version}`);
	return { mutating: resources.some(({ name }) => name === resource) };
}

/** An operator that is at work. */
export type RunningOperator = { readonly namespace: string; readonly holder: string };

type Lease = AnyObject & {
	readonly spec?: {
		readonly holderIdentity?: string | null;
		readonly leaseDurationSeconds?: number;
		readonly renewTime?: string;
	};
};

const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
const LOOK_MILLISECONDS = 500;

/** The operators that renew their lease while one looks; the wait is as long as the longest lease that was left. */
export async function runningOperators(
	client: Client,
	signal: AbortSignal,
): Promise<readonly RunningOperator[]> {
	const before = await leadersLeases(client);
	const found = new Map<string, RunningOperator>();
	const longest = Math.max(0, ...[...before.values()].map(({ spec }) => spec?.leaseDurationSeconds ?? 5));
	const end = performance.now() + longest * 1_000;
	while (found.size < before.size && performance.now() < end) {
		await wait(LOOK_MILLISECONDS, signal);
		signal.throwIfAborted();
		for (const [namespace, { spec }] of await leadersLeases(client)) {
			if (spec?.renewTime === before.get(namespace)?.spec?.renewTime) continue;
			found.set(namespace, { namespace, holder: spec?.holderIdentity ?? "" });
		}
	}
	return [...found.values()];
}

async function leadersLeases(client: Client): Promise<ReadonlyMap<string, Lease>> {
	const { items } = await client.list<Lease>(pathOf(leases), {
		fieldSelector: `metadata.name=${leaderLease}`,
	});
	return new Map(
		items
			.filter(({ spec }) => (spec?.holderIdentity ?? "") !== "")
			.map((lease) => [lease.metadata.namespace ?? "", lease]),
	);
}

/** True for the namespaces of demos, whose operators govern nothing else. */
export const isOfDemo = (namespace: string): boolean => namespace.startsWith(`${manager}-`);
