import { apiGroup } from "../../crds/vocabulary.ts";
import { scaledJob, scaledObject } from "./keda.ts";
import type { KindName, WorkloadKind } from "./kind.ts";
import { rollout } from "./rollout.ts";
import { type ScalePaths, scaleSubresource } from "./scale-subresource.ts";

/** A CustomResourceDefinition as the API server sends it: the parts that are read. */
export type DefinitionObject = {
	readonly metadata: { readonly name: string; readonly resourceVersion?: string };
	readonly spec: {
		readonly group: string;
		readonly scope: string;
		readonly names: { readonly kind: string; readonly plural: string };
		readonly versions: readonly {
			readonly name: string;
			readonly served: boolean;
			readonly storage?: boolean;
			readonly subresources?: { readonly scale?: ScalePaths };
		}[];
	};
	readonly status?: {
		readonly conditions?: readonly { readonly type: string; readonly status: string }[];
	};
};

/** How workloads of a custom kind are read and set; undefined for a kind that is none. */
export function customKind({ metadata, spec, status }: DefinitionObject): WorkloadKind | undefined {
	const established = status?.conditions?.some(
		({ type, status }) => type === "Established" && status === "True",
	);
	if (established !== true || spec.scope !== "Namespaced" || spec.group === apiGroup) return undefined;
	const served = spec.versions.filter((version) => version.served);
	const version = served.find((one) => one.storage) ?? served[0];
	if (version === undefined) return undefined;
	const name: KindName = {
		kind: spec.names.kind,
		group: spec.group,
		version: version.name,
		resource: spec.names.plural,
	};
	switch (metadata.name) {
		case "scaledobjects.keda.sh":
			return scaledObject(name);
		case "scaledjobs.keda.sh":
			return scaledJob(name);
	}
	const paths = version.subresources?.scale;
	if (paths === undefined) return undefined;
	const scaled = scaleSubresource(name, paths);
	return metadata.name === "rollouts.argoproj.io" ? rollout(scaled) : scaled;
}
