import type { ExecutionContext } from "ava";
import { isKubeError } from "../../kube/error.ts";
import { until } from "../support/until.ts";

/** Somebody who does the same thing again and again, whatever is made of it. Ends with the test. */
export class Rival {
	readonly #running: Promise<unknown>;
	#stopped = false;
	/** How often it was done, and how often the API server refused. */
	done = 0;
	refused = 0;

	private constructor(act: () => Promise<unknown>) {
		this.#running = until(
			"the rival is stopped",
			async () => {
				if (this.#stopped) return true;
				try {
					await act();
					this.done += 1;
				} catch (error) {
					// Another writer came in between: it tries again.
					if (!isKubeError(error, "FORBIDDEN", "INVALID", "CONFLICT")) throw error;
					if (!isKubeError(error, "CONFLICT")) this.refused += 1;
				}
				return false;
			},
			{ intervalMilliseconds: 200, timeoutMilliseconds: 240_000 },
		);
	}

	/** Acts every 200 ms from now on. */
	static start(t: ExecutionContext, act: () => Promise<unknown>): Rival {
		const rival = new Rival(act);
		t.teardown(() => rival.stop());
		return rival;
	}

	/** Resolves when it has acted for the last time. */
	async stop(): Promise<void> {
		this.#stopped = true;
		await this.#running;
	}
}
