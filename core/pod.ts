import { leastGraceSeconds, type Pod } from "./observed.ts";

/** A pod as the API server sends it: the parts that are read. */
export type PodObject = {
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly uid: string;
		readonly resourceVersion: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly deletionTimestamp?: string;
		readonly deletionGracePeriodSeconds?: number;
		readonly ownerReferences?: readonly { readonly controller?: boolean }[];
	};
	readonly spec?: { readonly nodeName?: string; readonly terminationGracePeriodSeconds?: number };
	readonly status?: {
		readonly podIP?: string;
		readonly conditions?: readonly { readonly type: string; readonly status: string }[];
	};
};

/** What the decisions need of a pod. */
export function projectPod({ metadata, spec, status }: PodObject): Pod {
	const own = spec?.terminationGracePeriodSeconds ?? leastGraceSeconds;
	const isReady = status?.conditions?.some((one) => one.type === "Ready" && one.status === "True");
	return {
		name: metadata.name,
		uid: metadata.uid,
		labels: metadata.labels ?? {},
		...(metadata.deletionTimestamp !== undefined && {
			stopping: { graceSeconds: metadata.deletionGracePeriodSeconds ?? 0 },
		}),
		...(own < leastGraceSeconds && { hasty: true }),
		owned: metadata.ownerReferences?.some((owner) => owner.controller === true) ?? false,
		...(spec?.nodeName !== undefined && { node: spec.nodeName }),
		...(status?.podIP !== undefined && { address: status.podIP }),
		...(isReady === true && { ready: true }),
	};
}
