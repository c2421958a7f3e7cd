import { wait } from "../../kube/backoff.ts";
import type { Client } from "../../kube/client.ts";
import { KubeError } from "../../kube/error.ts";

/** What {@link follow} follows, and whom it tells. */
export type Following = {
	readonly client: Client;
	readonly path: string;
	/** The version after which it begins. */
	readonly from: string;
	readonly signal: AbortSignal;
	/** Takes in what there is now and returns its version: asked when the versions in between are lost. */
	readonly list: () => Promise<string>;
	readonly onEvent: (type: "ADDED" | "MODIFIED" | "DELETED", object: object) => void;
};

/**
 * Watches until `signal` is aborted. Goes on when the API server was away: after the last version seen, or, where
 * it kept none, with a list.
 */
export async function follow({ client, path, from, signal, list, onEvent }: Following): Promise<void> {
	let resourceVersion = from;
	let gone = false;
	while (!signal.aborted) {
		try {
			if (gone) resourceVersion = await list();
			gone = false;
			const query = { watch: true, resourceVersion, allowWatchBookmarks: true };
			const limits = { signal, openMilliseconds: 5_000, silenceMilliseconds: 120_000 };
			for await (const { type, object } of client.watch(path, query, limits)) {
				resourceVersion = object.metadata.resourceVersion;
				if (type !== "BOOKMARK") onEvent(type, object);
			}
		} catch (error) {
			if (!(error instanceof KubeError)) throw error;
			gone ||= error.code === "GONE";
			await wait(50, signal);
		}
	}
}
