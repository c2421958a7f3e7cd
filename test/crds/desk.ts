import type { TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { enforceLabel, probeLabel } from "../../crds/vocabulary.ts";
import type { Client } from "../../kube/client.ts";
import { isKubeError } from "../../kube/error.ts";
import { newNamespace } from "../support/cluster.ts";
import { until } from "../support/until.ts";
import { ask } from "./ask.ts";
import type { World } from "./cast.ts";

/** A patch or object as it is sent; tests also send what types would refuse. */
export type Sent = Readonly<Record<string, unknown>>;
export type Labels = Readonly<Record<string, string>>;

/** A namespace of its own with a desk. */
export type Desk = {
	readonly namespace: string;
	readonly path: string;
	/** A merge patch of spec. */
	readonly patch: (client: Client, spec: unknown, dryRun?: boolean) => Promise<TradingSafety>;
	/** A merge patch of status. */
	readonly status: (client: Client, status: unknown, dryRun?: boolean) => Promise<TradingSafety>;
	readonly read: () => Promise<TradingSafety>;
	/** As the leader: no hold stands against this very generation. */
	readonly clear: (toMode?: string) => Promise<void>;
	/** Creates a pod with these labels, as a dry run. */
	readonly pod: (labels: Labels, client?: Client, more?: PodParts) => Promise<Pod>;
	/** Resolves when the fence sees the desk as it is now. */
	readonly seen: () => Promise<void>;
};

export type PodParts = {
	readonly annotations?: Labels;
	readonly env?: readonly object[];
	readonly initContainers?: readonly object[];
};
export type Pod = {
	readonly metadata: { readonly annotations?: Labels };
	readonly spec: {
		readonly containers: readonly { readonly env?: readonly object[] }[];
		readonly initContainers?: readonly { readonly env?: readonly object[] }[];
	};
};

export const deskPath = (namespace: string) =>
	`/apis/tradingsafety.dev/v1alpha1/namespaces/${namespace}/tradingsafeties`;
export const podPath = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;

/** A TradingSafety called desk. */
export const deskObject = (spec: unknown, name = "desk") => ({
	apiVersion: "tradingsafety.dev/v1alpha1",
	kind: "TradingSafety",
	metadata: { name },
	spec,
});

/** One target of each preset, and two that say all by themselves. */
export const everyPreset: NonNullable<TradingSafetySpec["targets"]> = [
	{ name: "bots", preset: "Bot", selector: { matchLabels: { app: "bot" } } },
	{ name: "strat", preset: "Strategy", selector: { matchLabels: { app: "strat" } } },
	{ name: "gw", preset: "Gateway", selector: { matchLabels: { app: "gw" } } },
	{ name: "risk", preset: "Risk", selector: { matchLabels: { app: "risk" } } },
	{ name: "liq", preset: "Liquidator", selector: { matchLabels: { app: "liq" } } },
	{
		name: "expr",
		selector: {
			matchExpressions: [
				{ key: "tier", operator: "In", values: ["a", "b"] },
				{ key: "canary", operator: "DoesNotExist" },
			],
		},
		onPause: { action: "Keep" },
		onReduce: { action: "Stop" },
		onEmergency: { action: "Stop" },
	},
];

export type DeskOptions = {
	/** Value of the enforce label; undefined for a namespace without it. */
	readonly enforce?: string | undefined;
	/** Without the object, only the namespace. */
	readonly empty?: boolean;
	readonly status?: TradingSafetyStatus;
};

/** A fresh namespace with a desk of this spec, made by the cluster's administrator in whatever mode. */
export async function newDesk(world: World, spec: Sent = {}, options: DeskOptions = {}): Promise<Desk> {
	const enforce = "enforce" in options ? options.enforce : "targets";
	const namespace = await newNamespace("crds", {
		labels: enforce === undefined ? {} : { [enforceLabel]: enforce },
		cluster: world.cluster,
	});
	const desk = deskIn(world, namespace);
	if (options.empty === true) return desk;
	await world.admin.create(deskPath(namespace), deskObject({ targets: everyPreset, ...spec }));
	if (options.status !== undefined) await desk.status(world.admin, options.status);
	await desk.seen();
	return desk;
}

/** The desk of a namespace. */
export function deskIn({ admin }: World, namespace: string): Desk {
	const path = `${deskPath(namespace)}/desk`;
	const read = () => admin.get<TradingSafety>(path);
	const patch = (client: Client, spec: unknown, dryRun = false) =>
		client.patch<TradingSafety>(path, { spec }, { type: "merge", dryRun });
	const status = (client: Client, value: unknown, dryRun = false) =>
		client.patch<TradingSafety>(`${path}/status`, { status: value }, { type: "merge", dryRun });
	return {
		namespace,
		path,
		read,
		patch,
		status,
		async clear(toMode = "Normal") {
			const { metadata } = await read();
			await status(admin, { clearance: { generation: metadata.generation, toMode } });
		},
		pod: (labels, client = admin, more = {}) =>
			client.create<Pod>(podPath(namespace), podObject(labels, more), { dryRun: "All" }),
		async seen() {
			const { metadata } = await read();
			const expected = `fence probe of desk ${namespace} at generation ${metadata.generation}, uid ${metadata.uid}`;
			await until(`the fence sees generation ${metadata.generation}`, async () => {
				const body = podObject({ [probeLabel]: "x" });
				const { said, warnings } = await ask(admin, { method: "POST", path: podPath(namespace), body });
				// Where the namespace is only observed the fence warns.
				return [said, ...warnings].some((text) => text.includes(expected));
			});
		},
	};
}

/** A pod that asks for nothing. */
export function podObject(labels: Labels, { annotations, env, initContainers }: PodParts = {}): object {
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "pod", labels, ...(annotations && { annotations }) },
		spec: {
			containers: [{ name: "c", image: "none", ...(env && { env }) }],
			...(initContainers && { initContainers }),
		},
	};
}

/** A Deployment or StatefulSet whose pods carry these labels. */
export function ownerObject(kind: "Deployment" | "StatefulSet", labels: Labels, replicas: number): object {
	return {
		apiVersion: "apps/v1",
		kind,
		metadata: { name: "owner" },
		spec: {
			replicas,
			selector: { matchLabels: labels },
			template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "none" }] } },
			...(kind === "StatefulSet" && { serviceName: "owner" }),
		},
	};
}

/** `allowed`, or what the API server says to the person whose call it refuses. */
export async function outcome(call: Promise<unknown>): Promise<string> {
	try {
		await call;
		return "allowed";
	} catch (error) {
		if (!isKubeError(error, "FORBIDDEN", "INVALID", "CONFLICT", "NOT_FOUND")) throw error;
		return error.message.replace(/^.* denied request: /s, "denied: ");
	}
}
