import type { MemoryStore } from "../../audit/testing/memory-store.ts";
import type { Scope } from "../support/scope.ts";

/** Appends to a log, and holds that up before the first object like this is written, until it is released or the test ends. */
export async function heldAt(
	t: Scope,
	store: MemoryStore,
	prefix: string,
	append: () => Promise<unknown>,
): Promise<{ readonly release: () => void }> {
	const { promise, resolve: release } = Promise.withResolvers<void>();
	const reached = new Promise<void>((resolve) => {
		store.onPut = (key) => {
			if (!key.startsWith(prefix)) return;
			resolve();
			return promise;
		};
	});
	const appending = append();
	await reached;
	t.teardown(async () => {
		release();
		await appending;
	});
	return { release };
}
