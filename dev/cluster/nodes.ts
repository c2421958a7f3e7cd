import type { ApiClient } from "./api.ts";

type Node = {
	readonly metadata: { readonly name: string };
	readonly spec: { readonly taints?: readonly object[] };
	readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
};

/** Creates `count` nodes, which KWOK will play, and returns their names. */
export async function createNodes(api: ApiClient, count: number): Promise<string[]> {
	const names = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
	for (const name of names) {
		const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" };
		await api.call("POST", "/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name, labels } });
	}
	return names;
}

/** True when all these nodes are ready and pods may be placed on them. */
export async function nodesAreReady(api: ApiClient, names: readonly string[]): Promise<boolean> {
	const { items } = (await api.call("GET", "/api/v1/nodes")) as { readonly items: readonly Node[] };
	return names.every((name) => {
		const node = items.find(({ metadata }) => metadata.name === name);
		const ready = node?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
		return ready === true && (node?.spec.taints ?? []).length === 0;
	});
}

/** True when the namespace has its default service account, without which no pod can be created in it. */
export async function hasDefaultServiceAccount(api: ApiClient, namespace: string): Promise<boolean> {
	const { items } = (await api.call("GET", `/api/v1/namespaces/${namespace}/serviceaccounts`)) as {
		readonly items: readonly { readonly metadata: { readonly name: string } }[];
	};
	return items.some(({ metadata }) => metadata.name === "default");
}
