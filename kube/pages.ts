import type { CallOptions, Client, Query } from "./client.ts";
import { KubeError } from "./error.ts";
import type { List } from "./object.ts";

export type PageOptions = {
	/** Objects per page. Default 100: V8 keeps what larger ones took (5,000 pods: 155 to 175 MB resident, by 500 190 to 220). */
	readonly pageSize?: number | undefined;
	/** For each page. */
	readonly deadlineMilliseconds?: number | undefined;
	readonly priority?: CallOptions["priority"] | undefined;
	readonly signal?: AbortSignal;
};

/**
 * The pages of a collection, in one consistent state: without a resource version the API server answers the
 * first page with the newest. Throws `GONE` when a later page is asked for too late; start over then.
 */
export async function* listPages<T>(
	client: Pick<Client, "list">,
	path: string,
	query: Query | undefined,
	options: PageOptions = {},
): AsyncGenerator<List<T>, void> {
	const { pageSize = 100, deadlineMilliseconds = 10_000, priority = "normal", signal } = options;
	const callOptions = { deadlineMilliseconds, priority, ...(signal === undefined ? {} : { signal }) };
	let next: string | undefined;
	do {
		const page = await client.list<T>(path, { ...query, limit: pageSize, continue: next }, callOptions);
		const complete = Array.isArray(page.items) && typeof page.metadata?.resourceVersion === "string";
		if (!complete) throw new KubeError("MALFORMED", `GET ${path}: the answer is not a list`);
		yield page;
		next = page.metadata.continue || undefined;
	} while (next !== undefined);
}
