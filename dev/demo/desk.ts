import type { TargetSpec, TradingSafetySpec } from "../../crds/spec.ts";
import type { Mode } from "../../crds/vocabulary.ts";
import { apiGroup, apiVersion, deskName, enforceLabel } from "../../crds/vocabulary.ts";
import type { Place } from "./place.ts";

/** The label by which targets select: its value is the name of a target. */
export const partLabel = "part";
/** The label with the name of the workload. */
export const appLabel = "app";

/** The names of targets. */
export type Part = "risk" | "gateway" | "bots" | "strategies" | "hanger" | "deaf" | "liquidator";

/** One workload of a demo desk as it is before the first halt. */
export type DemoWorkload = {
	readonly kind: "Deployment" | "StatefulSet";
	readonly name: string;
	readonly part: Part;
	readonly replicas: number;
};

/** A mode, and whether Emergency came before it: what Emergency stopped stays stopped until Normal. */
export type Phase = Mode | "AfterEmergency";

/**
 * A demo desk, and what must become of it. That is written out by hand and not taken from the presets, so that the
 * walk judges them too.
 */
export type DeskPlan = {
	readonly workloads: readonly DemoWorkload[];
	/** In the order in which a restore brings them back. */
	readonly targets: readonly (Omit<TargetSpec, "selector"> & { readonly name: Part })[];
	readonly reduce?: TradingSafetySpec["reduce"];
	readonly estop?: TradingSafetySpec["estop"];
	/** What must stand still. */
	readonly stoppedIn: Readonly<Record<Phase, readonly Part[]>>;
	/** What starts, one replica each, once everything that must stand still does. */
	readonly startedIn: Readonly<Record<Phase, readonly Part[]>>;
	/** Told like others and silent: its pods are stopped one by one, and its workload stays as it is. */
	readonly silentIn: Readonly<Record<Phase, readonly Part[]>>;
	/** What is told first in Emergency, and stopped so much later: someone has to look, and to make the call. */
	readonly deadline: {
		readonly parts: readonly Part[];
		readonly milliseconds: number;
		readonly slackMilliseconds: number;
	};
};

/** The names of the targets of a desk, in the order of a restore. */
export const partsOf = ({ targets }: DeskPlan): readonly Part[] => targets.map(({ name }) => name);

/** The phase that a mode is, after a phase. */
export function phaseAfter(before: Phase | undefined, mode: Mode): Phase {
	if (mode === "Normal" || mode === "Emergency") return mode;
	return before === "Emergency" || before === "AfterEmergency" ? "AfterEmergency" : mode;
}

/** The namespace, with the label that lets the fence act in it. */
export const namespaceObject = (namespace: string) => ({
	apiVersion: "v1",
	kind: "Namespace",
	metadata: { name: namespace, labels: { [enforceLabel]: "targets" } },
});

/** The TradingSafety of the desk. It says no mode, so it begins in Pause: the desk is halted until somebody opens it. */
export const deskObject = (
	namespace: string,
	{ targets, reduce, estop }: Pick<DeskPlan, "targets" | "reduce" | "estop">,
) => ({
	apiVersion: `${apiGroup}/${apiVersion}`,
	kind: "TradingSafety",
	metadata: { name: deskName, namespace },
	spec: {
		targets: targets.map((target) => ({
			...target,
			selector: { matchLabels: { [partLabel]: target.name } },
		})),
		...(reduce !== undefined && { reduce }),
		...(estop !== undefined && { estop }),
	},
});

/** Pods that KWOK plays: the image is never fetched. What has a process behind it ends within two seconds. */
export const simulatedPod = (name: string) => ({
	terminationGracePeriodSeconds: 2,
	containers: [{ name: "main", image: `example.invalid/${name}:demo` }],
});

/** The workload as a manifest. */
export function workloadObject(
	{ kind, name, part, replicas }: DemoWorkload,
	{ namespace, podSpec }: Pick<Place, "namespace" | "podSpec">,
) {
	const labels = { [appLabel]: name, [partLabel]: part };
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
