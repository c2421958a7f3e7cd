import type { Labels } from "../../core/selector.ts";
import {
	isCurrent,
	type KindName,
	projected,
	type Setting,
	type WorkloadKind,
	type WorkloadObject,
} from "./kind.ts";

/** `subresources.scale` of a version of a CustomResourceDefinition: paths such as `.spec.replicas`. */
export type ScalePaths = {
	readonly specReplicasPath: string;
	readonly statusReplicasPath: string;
	readonly labelSelectorPath?: string;
};

/** A custom kind with a scale subresource. Its pods' labels are those of its template, or what its selector asks for. */
export function scaleSubresource(name: KindName, paths: ScalePaths): WorkloadKind {
	const replicasPath = partsOf(paths.specReplicasPath);
	const statusPath = partsOf(paths.statusReplicasPath);
	const selectorPath = paths.labelSelectorPath === undefined ? undefined : partsOf(paths.labelSelectorPath);
	const setting: Setting = {
		subresource: "scale",
		read: (object) => ({ replicas: numberAt(object, replicasPath) ?? 1 }),
		patch: (replicas) => ({ spec: { replicas } }),
		field: replicasPath.map((part) => `f:${part}`),
	};
	const kind = { ...name, setting };
	const current = (object: WorkloadObject) =>
		Number.isNaN(Number(object.status?.observedGeneration ?? Number.NaN)) || isCurrent(object);
	return {
		...kind,
		project: (object) => {
			const selector = selectorPath === undefined ? undefined : valueAt(object, selectorPath);
			const labels = object.spec?.template?.metadata?.labels ?? labelsOf(selector);
			const ready = object.status?.readyReplicas ?? numberAt(object, statusPath) ?? 0;
			return { ...projected(kind, object, labels), ready: current(object) ? ready : 0 };
		},
	};
}

/** The equality terms of a label selector in its text form (`app=bot,tier in (a,b)`). */
export function labelsOf(selector: unknown): Labels {
	if (typeof selector !== "string") return {};
	return Object.fromEntries(
		selector.split(",").flatMap((term) => {
			const match = /^\s*([^\s=!]+)\s*==?\s*([^\s=!]*)\s*$/.exec(term);
			return match?.[1] === undefined ? [] : [[match[1], match[2] ?? ""]];
		}),
	);
}

const partsOf = (path: string): readonly string[] => path.split(".").filter((part) => part !== "");

function valueAt(object: unknown, path: readonly string[]): unknown {
	return path.reduce<unknown>(
		(at, part) =>
			typeof at === "object" && at !== null && Object.hasOwn(at, part)
				? (at as Readonly<Record<string, unknown>>)[part]
				: undefined,
		object,
	);
}

function numberAt(object: unknown, path: readonly string[]): number | undefined {
	const value = valueAt(object, path);
	return typeof value === "number" ? value : undefined;
}
