import type { ExecutionContext } from "ava";
import type { ProcessIdentity } from "../../../dev/cluster/processes.ts";
import { anyRuns } from "../../../dev/node/node.ts";
import type { TestDesk } from "../../operator/desk.ts";

/** Looks at the status of a desk and at processes side by side, until it is closed. */
export type Observation = {
	/** When the last of the processes was first seen gone, by `Date.now()`; undefined while one runs. */
	readonly goneAt: () => number | undefined;
	/** How often status claimed in a generation, with Confirmed True, what was not so. */
	readonly falseClaims: () => number;
	readonly close: () => Promise<void>;
};

/**
 * Watches until the test ends: a claim is false when a process still runs right after status was read that says
 * Confirmed for this generation or a later one. `running` is asked anew each time.
 */
export function observe(
	t: ExecutionContext,
	desk: TestDesk,
	generation: number,
	running: () => readonly ProcessIdentity[],
): Observation {
	let falseClaims = 0;
	let goneAt: number | undefined;
	let open = true;
	const pause = () => new Promise((resolve) => setTimeout(resolve, 2));
	const watching = (async () => {
		while (open) {
			if (!anyRuns(running())) goneAt ??= Date.now();
			else goneAt = undefined;
			await pause();
		}
	})();
	const claiming = (async () => {
		while (open) {
			const { metadata, status } = await desk.get();
			const confirmed = status?.conditions?.find(({ type }) => type === "Confirmed");
			const isClaimed =
				confirmed?.status === "True" &&
				(metadata.generation ?? 0) >= generation &&
				confirmed.observedGeneration === metadata.generation;
			if (isClaimed && anyRuns(running())) falseClaims += 1;
			await pause();
		}
	})();
	const close = async () => {
		open = false;
		await Promise.all([watching, claiming]);
	};
	t.teardown(close);
	return { goneAt: () => goneAt, falseClaims: () => falseClaims, close };
}
