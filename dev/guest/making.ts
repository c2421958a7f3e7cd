import { operatorAccount } from "../../crds/roles.ts";
import type { Client } from "../../kube/client.ts";
import { isKubeError } from "../../kube/error.ts";
import { pathOf } from "../../kube/paths.ts";
import { waitFor } from "../cluster/deadline.ts";
import { ClusterError, messageOf } from "../cluster/errors.ts";
import { podObject } from "../demo/desk.ts";
import type { Place } from "../demo/place.ts";
import { GuestError } from "./errors.ts";
import {
	apiObjects,
	labelled,
	namespaces,
	operatorObjects,
	type PolicySet,
	peopleObjects,
	type Run,
} from "./manifests.ts";
import { type AnyObject, collectionOf, kinds, nameOf, pathOfObject } from "./objects.ts";
import { findApi, type InstalledApi } from "./survey.ts";

/** What is made, beside the workloads. */
export type Making = {
	readonly run: Run;
	readonly policies: PolicySet;
	/** How the API was found. */
	readonly api: InstalledApi;
	/** Whether the demo runs the operator. */
	readonly ownOperator: boolean;
};

/** As long as the API server may refuse what it does not know yet. */
const LEARNING_MILLISECONDS = 120_000;

/**
 * Makes namespaces, the API if it is not there, and accounts. Nothing that exists is changed.
 * @throws GuestError `MakingFailed`, and what `findApi` throws; the reason of `signal`
 */
export async function make(
	client: Client,
	{ run, policies, api, ownOperator }: Making,
	signal: AbortSignal,
): Promise<void> {
	// The namespace first: it tells every other demo that the API is in use.
	await createAll(client, namespaces(run, ownOperator), signal);
	switch (api.kind) {
		case "Absent":
			await installApi(client, run, policies, signal);
			break;
		case "Same": {
			const now = await findApi(client, policies);
			if (now.kind === "Same") break;
			throw new GuestError("MakingFailed", "The API went away while the demo began: try again.");
		}
	}
	await createAll(client, peopleObjects(run), signal);
	if (ownOperator) await createAll(client, operatorObjects(run), signal);
}

/** Creates one after the other, so that whatever was made when one fails can be found. */
export async function createAll(
	client: Client,
	objects: readonly AnyObject[],
	signal: AbortSignal,
): Promise<void> {
	for (const object of objects) {
		signal.throwIfAborted();
		try {
			await client.create(collectionOf(object), object);
		} catch (cause) {
			if (!isKubeError(cause)) throw cause;
			throw new GuestError("MakingFailed", `${nameOf(object)} cannot be made: ${cause.message}`, { cause });
		}
	}
}

async function installApi(client: Client, run: Run, policies: PolicySet, signal: AbortSignal): Promise<void> {
	const all = apiObjects(policies).map((object) => labelled(object, run, "api"));
	const isDefinition = ({ kind }: AnyObject) => kind === "CustomResourceDefinition";
	const definitions = all.filter(isDefinition);
	await createAll(client, definitions, signal);
	await inTime("the API server knows the new kinds", signal, async () => {
		const now = await Promise.all(definitions.map((object) => client.get<Definition>(pathOfObject(object))));
		return now.every(({ status }) =>
			status?.conditions?.some(({ type, status }) => type === "Established" && status === "True"),
		);
	});
	await createAll(
		client,
		all.filter((object) => !isDefinition(object)),
		signal,
	);
}

type Definition = {
	readonly status?: {
		readonly conditions?: readonly { readonly type: string; readonly status: string }[];
	};
};

/** Until pods are let into the namespace of the desk: policies that were just made may refuse everything at first. */
export async function awaitAdmission(place: Place, signal: AbortSignal): Promise<void> {
	const pods = pathOf({ group: "", version: "v1", resource: "pods", namespace: place.namespace });
	await inTime(`pods are let into ${place.namespace}`, signal, async () => {
		await place.admin.create(pods, podObject("risk", place), { dryRun: "All" });
		return true;
	});
}

/** A token of a service account of the demo, good for a day. */
export async function tokenOf(client: Client, namespace: string, name: string): Promise<string> {
	const path = pathOf({ ...kinds.ServiceAccount, namespace, name, subresource: "token" });
	const request = {
		apiVersion: "authentication.k8s.io/v1",
		kind: "TokenRequest",
		spec: { expirationSeconds: 24 * 60 * 60 },
	};
	const { status } = await client.create<{ readonly status: { readonly token: string } }>(path, request);
	return status.token;
}

/** The kubeconfig of the operator, as text. */
export async function operatorKubeconfig(client: Client, cluster: object, run: Run): Promise<string> {
	const token = await tokenOf(client, run.operatorNamespace, operatorAccount);
	const config = {
		apiVersion: "v1",
		kind: "Config",
		clusters: [{ name: "demo", cluster }],
		users: [{ name: operatorAccount, user: { token } }],
		contexts: [{ name: "demo", context: { cluster: "demo", user: operatorAccount } }],
		"current-context": "demo",
	};
	return `${JSON.stringify(config, undefined, 2)}\n`;
}

async function inTime(what: string, signal: AbortSignal, condition: () => Promise<boolean>): Promise<void> {
	try {
		await waitFor(what, condition, {
			timeoutMilliseconds: LEARNING_MILLISECONDS,
			intervalMilliseconds: 200,
			assertPossible: () => signal.throwIfAborted(),
		});
	} catch (cause) {
		if (!(cause instanceof ClusterError)) throw cause;
		const why = cause.cause === undefined ? "" : `: ${messageOf(cause.cause)}`;
		throw new GuestError("MakingFailed", `${cause.message}${why}`, { cause });
	}
}
