import type { Client } from "../../kube/client.ts";

type Resource = { readonly name: string; readonly verbs: readonly string[] };
type Versions = {
	readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
};
type Listed = {
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly uid?: string;
		readonly generation?: number;
		readonly labels?: object;
		readonly annotations?: object;
	};
};

/** These come and go by themselves. */
const volatile = ["events", "leases", "componentstatuses"];

/**
 * Every object of every kind that the API server serves, one line each: kind, name, and what changes when somebody
 * changes it.
 */
export async function inventory(client: Client): Promise<readonly string[]> {
	const { groups } = await client.get<Versions>("/apis");
	const roots = [
		"/api/v1",
		...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`),
	];
	const lists = await Promise.all(roots.map((root) => listRoot(client, root)));
	return [...new Set(lists.flat())].sort();
}

async function listRoot(client: Client, root: string): Promise<readonly string[]> {
	const { resources } = await client.get<{ readonly resources: readonly Resource[] }>(root);
	const listable = resources.filter(
		({ name, verbs }) => verbs.includes("list") && !name.includes("/") && !volatile.includes(name),
	);
	const found = await Promise.all(
		listable.map(async ({ name: resource }) => {
			const { items } = await client.list<Listed>(`${root}/${resource}`);
			return items.map(({ metadata }) => {
				const { namespace = "", name, uid, generation, labels } = metadata;
				return `${resource} ${namespace}/${name} ${uid} ${generation} ${JSON.stringify(labels)}`;
			});
		}),
	);
	return found.flat();
}
