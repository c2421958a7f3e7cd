import { setTimeout as delay } from "node:timers/promises";
import { ClusterError } from "./errors.ts";

/** Settings of {@link waitFor}. */
export type WaitOptions = {
	readonly timeoutMilliseconds: number;
	readonly intervalMilliseconds?: number;
	/** Asked before each try: throws when waiting has become pointless, which ends the wait with that error. */
	readonly assertPossible?: () => void;
};

/**
 * Asks `condition` again and again until it is true. What it throws counts as "not yet" and becomes the
 * `cause` of the `DeadlineExceeded` error that ends the wait.
 */
export async function waitFor(
	description: string,
	condition: () => boolean | Promise<boolean>,
	options: WaitOptions,
): Promise<void> {
	const end = performance.now() + options.timeoutMilliseconds;
	for (;;) {
		let cause: unknown;
		options.assertPossible?.();
		try {
			if (await condition()) return;
		} catch (error) {
			cause = error;
		}
		if (performance.now() >= end) {
			throw new ClusterError(
				"DeadlineExceeded",
				`waited ${options.timeoutMilliseconds / 1000} s until ${description}`,
				{ cause },
			);
		}
		await delay(options.intervalMilliseconds ?? 50);
	}
}
