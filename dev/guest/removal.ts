import { operatorNamespace } from "../../crds/roles.ts";
import { allowRemovalAnnotation, apiGroup, apiVersion, enforceLabel } from "../../crds/vocabulary.ts";
import type { Client } from "../../kube/client.ts";
import { ifThere, isKubeError } from "../../kube/error.ts";
import { pathOf } from "../../kube/paths.ts";
import { waitFor } from "../cluster/deadline.ts";
import { ClusterError, messageOf } from "../cluster/errors.ts";
import { GuestError } from "./errors.ts";
import {
	type Component,
	componentLabel,
	managedByLabel,
	manager,
	removeCommand,
	runLabel,
} from "./manifests.ts";
import { type AnyObject, type KindName, kinds, nameOf, pathOfObject } from "./objects.ts";

/** A namespace ends when every node has ended its pods. */
const ENDING_MILLISECONDS = 300_000;
/** A policy whose binding has just gone may refuse for a moment: the API server looks at a copy. */
const REFUSING_MILLISECONDS = 60_000;

/** What is made for a desk outside its namespaces goes with them. */
const deskKinds: readonly KindName[] = ["Namespace", "ClusterRoleBinding", "ClusterRole"];

/**
 * The API in the order of its removal. Policies without their kind would deny every pod of labelled namespaces, and
 * a policy without its binding does nothing: first the bindings, last the kinds.
 */
const apiKinds: readonly KindName[] = [
	"ValidatingAdmissionPolicyBinding",
	"MutatingAdmissionPolicyBinding",
	"ValidatingAdmissionPolicy",
	"MutatingAdmissionPolicy",
	"CustomResourceDefinition",
	"ClusterRole",
];

/**
 * Removes what the demo `run` made but the API, and waits until it is gone. A demo without an operator made nothing
 * outside its namespace.
 * @throws GuestError `RemovalFailed`
 */
export async function removeDesk(client: Client, run: string, ownOperator: boolean): Promise<void> {
	const made = ownOperator ? deskKinds : deskKinds.slice(0, 1);
	for (const kind of made) await removeAll(client, kind, await findMade(client, kind, "desk", run));
}

/**
 * Removes the API if demos made it and nobody uses it any more. Returns why it stays, undefined when none is left.
 * @throws GuestError `RemovalFailed`
 */
export async function removeApi(client: Client): Promise<string | undefined> {
	const made = new Map<KindName, readonly AnyObject[]>();
	for (const kind of apiKinds) made.set(kind, await findMade(client, kind, "api"));
	if ([...made.values()].every((found) => found.length === 0)) return undefined;
	const user = await userOfApi(client);
	if (user !== undefined)
		return `The API stays, because ${user}; the last demo to end, or ${removeCommand}, takes it away`;
	for (const [kind, found] of made) {
		if (kind === "CustomResourceDefinition") await allowRemoval(client, found);
		await removeAll(client, kind, found);
	}
	return undefined;
}

/** Everything that demos left, in the order in which it would be removed. */
export async function findLeftovers(client: Client): Promise<readonly AnyObject[]> {
	const found: AnyObject[] = [];
	for (const kind of deskKinds) found.push(...(await findMade(client, kind, "desk")));
	for (const kind of apiKinds) found.push(...(await findMade(client, kind, "api")));
	return found;
}

async function findMade(
	client: Client,
	kind: KindName,
	component: Component,
	run?: string,
): Promise<readonly AnyObject[]> {
	const labels = { [managedByLabel]: manager, [componentLabel]: component, ...(run && { [runLabel]: run }) };
	const labelSelector = Object.entries(labels)
		.map(([name, value]) => `${name}=${value}`)
		.join(",");
	return list(client, kind, { labelSelector });
}

/** A kind that the API server does not serve has no objects. */
async function list(
	client: Client,
	kind: KindName,
	query: { readonly labelSelector?: string },
): Promise<readonly AnyObject[]> {
	const { group, version } = kinds[kind];
	const listed = await ifThere(client.list<AnyObject>(pathOf(kinds[kind]), query));
	const apiVersion = group === "" ? version : `${group}/${version}`;
	return (listed?.items ?? []).map((item) => ({ ...item, apiVersion, kind }));
}

/** Who would be left without it: another demo, an operator of its own, or somebody's desk. */
async function userOfApi(client: Client): Promise<string | undefined> {
	const all = await list(client, "Namespace", {});
	const user = all.find(
		({ metadata: { name, labels, deletionTimestamp } }) =>
			deletionTimestamp === undefined &&
			(name === operatorNamespace ||
				labels?.[enforceLabel] !== undefined ||
				labels?.[managedByLabel] === manager),
	);
	if (user !== undefined) return `the namespace ${user.metadata.name} uses it`;
	const path = pathOf({ group: apiGroup, version: apiVersion, resource: "tradingsafeties" });
	const desks = await ifThere(client.list<AnyObject>(path));
	const ending = new Set(all.filter((n) => n.metadata.deletionTimestamp).map((n) => n.metadata.name));
	const desk = desks?.items.find(({ metadata }) => !ending.has(metadata.namespace ?? ""));
	return desk === undefined ? undefined : `there is a desk in the namespace ${desk.metadata.namespace}`;
}

async function allowRemoval(client: Client, definitions: readonly AnyObject[]): Promise<void> {
	const annotations = { [allowRemovalAnnotation]: "true" };
	for (const definition of definitions) {
		await gone(() =>
			client.patch(pathOfObject(definition), { metadata: { annotations } }, { type: "merge" }),
		);
	}
}

async function removeAll(client: Client, kind: KindName, objects: readonly AnyObject[]): Promise<void> {
	await Promise.all(objects.map((object) => remove(client, object)));
	const what = objects.map(nameOf).join(", ");
	await inTime(`${what} is gone`, ENDING_MILLISECONDS, async () => {
		const names = new Set((await list(client, kind, {})).map(({ metadata }) => metadata.uid));
		return objects.every(({ metadata }) => !names.has(metadata.uid));
	});
}

async function remove(client: Client, object: AnyObject): Promise<void> {
	const preconditions = { uid: object.metadata.uid };
	await inTime(`${nameOf(object)} can be deleted`, REFUSING_MILLISECONDS, async () => {
		await gone(() => client.delete(pathOfObject(object), { preconditions }));
		return true;
	});
}

/** What is not there any more, or was replaced by somebody, is not ours to delete. */
async function gone(act: () => Promise<unknown>): Promise<void> {
	try {
		await act();
	} catch (error) {
		if (!isKubeError(error, "NOT_FOUND", "CONFLICT")) throw error;
	}
}

async function inTime(
	what: string,
	timeoutMilliseconds: number,
	condition: () => Promise<boolean>,
): Promise<void> {
	try {
		await waitFor(what, condition, { timeoutMilliseconds, intervalMilliseconds: 200 });
	} catch (cause) {
		if (!(cause instanceof ClusterError)) throw cause;
		const why = cause.cause === undefined ? "" : `: ${messageOf(cause.cause)}`;
		throw new GuestError(
			"RemovalFailed",
			`${cause.message}${why}. What is left carries the label ${managedByLabel}=${manager}; ${removeCommand} tries again.`,
			{ cause },
		);
	}
}
