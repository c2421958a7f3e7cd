import type { TargetSpec } from "../../crds/spec.ts";
import type { Mode } from "../../crds/vocabulary.ts";
import { apiGroup, apiVersion, deskName, enforceLabel } from "../../crds/vocabulary.ts";
import type { Place } from "./place.ts";

/** The label by which targets select: its value is the name of a target. */
export const partLabel = "part";

/** The targets of the demo desk, in the order in which a restore brings them back. */
export const parts = ["risk", "gateway", "bots", "strategies", "liquidator"] as const;
export type Part = (typeof parts)[number];

/** One workload of the demo desk as it is before the first halt. */
export type DemoWorkload = {
	readonly kind: "Deployment" | "StatefulSet";
	readonly name: string;
	readonly part: Part;
	readonly replicas: number;
};

/** The workloads of the demo desk. One bot was parked by hand: a restore must leave it so. */
export const workloads: readonly DemoWorkload[] = [
	{ kind: "Deployment", name: "risk-monitor", part: "risk", replicas: 1 },
	{ kind: "Deployment", name: "order-gateway", part: "gateway", replicas: 2 },
	{ kind: "Deployment", name: "bot-momentum", part: "bots", replicas: 3 },
	{ kind: "Deployment", name: "bot-arbitrage", part: "bots", replicas: 2 },
	{ kind: "StatefulSet", name: "bot-maker", part: "bots", replicas: 3 },
	{ kind: "Deployment", name: "bot-parked", part: "bots", replicas: 0 },
	{ kind: "Deployment", name: "strategy-pairs", part: "strategies", replicas: 2 },
	{ kind: "Deployment", name: "liquidator", part: "liquidator", replicas: 0 },
];

/**
 * What must stand still in each mode. Written out by hand and not taken from the presets, so that the walk judges
 * them too. Signal counts as Stop as long as the desk has no permits.
 */
export const stoppedIn: Readonly<Record<Mode, readonly Part[]>> = {
	Normal: ["liquidator"],
	Pause: ["bots", "strategies", "liquidator"],
	Reduce: ["bots", "strategies"],
	Emergency: ["gateway", "bots", "strategies"],
};

/** What starts in each mode, one replica each, once everything that must stand still does. */
export const startedIn: Readonly<Record<Mode, readonly Part[]>> = {
	Normal: [],
	Pause: [],
	Reduce: ["liquidator"],
	Emergency: ["liquidator"],
};

const presetOf = {
	risk: "Risk",
	gateway: "Gateway",
	bots: "Bot",
	strategies: "Strategy",
	liquidator: "Liquidator",
} as const satisfies Readonly<Record<Part, TargetSpec["preset"]>>;

/** The namespace, with the label that lets the fence act in it. */
export const namespaceObject = (namespace: string) => ({
	apiVersion: "v1",
	kind: "Namespace",
	metadata: { name: namespace, labels: { [enforceLabel]: "targets" } },
});

/** The TradingSafety of the desk. It says no mode, so it begins in Pause: the desk is halted until somebody opens it. */
export const deskObject = (namespace: string) => ({
	apiVersion: `${apiGroup}/${apiVersion}`,
	kind: "TradingSafety",
	metadata: { name: deskName, namespace },
	spec: {
		targets: parts.map((part) => ({
			name: part,
			preset: presetOf[part],
			selector: { matchLabels: { [partLabel]: part } },
		})),
	},
});

/** Pods that KWOK plays: the image is never fetched. */
export const simulatedPod = (name: string) => ({
	containers: [{ name: "main", image: `example.invalid/${name}:demo` }],
});

/** The workload as a manifest. */
export function workloadObject(
	{ kind, name, part, replicas }: DemoWorkload,
	{ namespace, podSpec }: Pick<Place, "namespace" | "podSpec">,
) {
	const labels = { app: name, [partLabel]: part };
	return {
		apiVersion: "apps/v1",
		kind,
		metadata: { name, namespace, labels },
		spec: {
			replicas,
			selector: { matchLabels: labels },
			template: { metadata: { labels }, spec: podSpec(name) },
			...(kind === "StatefulSet" && { serviceName: name, podManagementPolicy: "OrderedReady" }),
		},
	};
}

/** A pod that somebody could try to create by hand in a target. */
export function podObject(part: Part, { podSpec }: Pick<Place, "podSpec">): object {
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { generateName: `by-hand-${part}-`, labels: { [partLabel]: part } },
		spec: podSpec("by-hand"),
	};
}
