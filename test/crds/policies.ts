import { customResourceDefinitions } from "../../crds/definitions.ts";
import { admissionPolicies } from "../../crds/policies/index.ts";
import { operatorAccounts, roles } from "../../crds/roles.ts";
import type { ClusterAccess } from "../../dev/cluster/access.ts";
import { kubectl } from "../../dev/cluster/kubectl.ts";
import { newNamespace } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import type { World } from "./cast.ts";
import { deskIn, deskObject, deskPath, outcome } from "./desk.ts";

/** Applies everything of `crds/generated/` but the policies, and waits until it is served. */
export async function applyResources(cluster: ClusterAccess): Promise<void> {
	await apply(cluster, [...customResourceDefinitions(), ...roles(), ...operatorAccounts()]);
	const served = await kubectl(cluster, ["wait", "crd", "--all", "--for=condition=Established"]);
	if (served.code !== 0) throw new Error(`the custom resources are not served: ${served.stderr}`);
}

/** Applies the policies, with or without those that mutate, and waits until they are in force. */
export async function applyPolicies(world: World, options: { readonly mutating: boolean }): Promise<void> {
	await apply(world.cluster, admissionPolicies(options));
	const desk = deskIn(world, await newNamespace("in-force", { cluster: world.cluster }));
	const create = (spec: object) =>
		world.admin.create(deskPath(desk.namespace), deskObject(spec), {
			dryRun: "All",
		});
	await until("the policies on creation are in force", async () => {
		const said = await outcome(create({ resetRequest: {} }));
		return said.startsWith("denied: ");
	});
	await until("the policy on raises is in force", async () => {
		const said = await outcome(create({ targetModes: { nobody: "Pause" } }));
		return said.startsWith("denied: ");
	});
	await world.admin.create(deskPath(desk.namespace), deskObject({}));
	await until("the policy on changes is in force", async () => {
		const said = await outcome(desk.patch(world.admin, { mode: "Normal" }, true));
		return said.startsWith("denied: ");
	});
	if (!options.mutating) return;
	await until("the stamping policy is in force", async () => {
		const { spec } = await desk.patch(world.admin, { trip: { id: "stamp" } }, true);
		return spec.setBy !== undefined;
	});
}

async function apply(cluster: ClusterAccess, objects: readonly object[]): Promise<void> {
	const list = { apiVersion: "v1", kind: "List", items: objects };
	const applied = await kubectl(cluster, ["apply", "--server-side", "-f", "-"], {
		input: JSON.stringify(list),
	});
	if (applied.code !== 0) throw new Error(`cannot be applied: ${applied.stderr}`);
}
