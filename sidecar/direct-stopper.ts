import { modeOf, rank } from "../core/modes.ts";
import type { Pod } from "../core/observed.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Mode } from "../crds/vocabulary.ts";
import { wait } from "../kube/backoff.ts";
import type { Client } from "../kube/client.ts";
import { isKubeError } from "../kube/error.ts";
import { leftToStop } from "./direct-stop.ts";
import { podsPath } from "./paths.ts";

/** What {@link DirectStopper} needs and tells. None of these may throw. */
export type DirectStopperOptions = {
	readonly client: Pick<Client, "delete">;
	readonly desk: (namespace: string) => TradingSafety | undefined;
	readonly pods: (namespace: string) => readonly Pod[];
	readonly onDeleted: (namespace: string, pod: Pod) => void;
	readonly onFailed: (namespace: string, pod: Pod, error: unknown) => void;
};

const lookMilliseconds = 500;
const callMilliseconds = 2_000;
/** The fence denies new pods from the raise on: what was not there by then does not come. */
const watchMilliseconds = 60_000;

/** Deletes pods that nobody has told to stop, a while after a press: the operator may be dead. */
export class DirectStopper {
	readonly #options: DirectStopperOptions;
	readonly #stopped = new AbortController();
	readonly #running = new Map<string, { mode: Mode; until: number }>();

	constructor(options: DirectStopperOptions) {
		this.#options = options;
	}

	/** Begins so many seconds from now. A second call for a desk goes on for longer, at the more severe mode. */
	begin(namespace: string, mode: Mode, afterSeconds: number): void {
		const until = performance.now() + afterSeconds * 1_000 + watchMilliseconds;
		const running = this.#running.get(namespace);
		if (running !== undefined) {
			running.until = until;
			if (rank(mode) > rank(running.mode)) running.mode = mode;
			return;
		}
		const begun = { mode, until };
		this.#running.set(namespace, begun);
		void this.#run(namespace, begun, afterSeconds * 1_000);
	}

	stop(): void {
		this.#stopped.abort();
	}

	async #run(namespace: string, begun: { mode: Mode; until: number }, after: number): Promise<void> {
		const { signal } = this.#stopped;
		let wasShown = false;
		await wait(after, signal);
		while (!signal.aborted && performance.now() < begun.until) {
			const desk = this.#options.desk(namespace);
			const isSevere = desk !== undefined && rank(modeOf(desk.spec.mode)) >= rank(begun.mode);
			// Lowered since: what runs now was brought back.
			if (desk === undefined || (wasShown && !isSevere)) break;
			wasShown ||= isSevere;
			await Promise.all(
				leftToStop(desk, begun.mode, this.#options.pods(namespace)).map(({ pod, graceSeconds }) =>
					this.#delete(namespace, pod, graceSeconds),
				),
			);
			await wait(lookMilliseconds, signal);
		}
		this.#running.delete(namespace);
	}

	async #delete(namespace: string, pod: Pod, graceSeconds: number | undefined): Promise<void> {
		const body = {
			apiVersion: "v1",
			kind: "DeleteOptions",
			preconditions: { uid: pod.uid },
			...(graceSeconds !== undefined && { gracePeriodSeconds: graceSeconds }),
		};
		const { signal } = this.#stopped;
		const options = { priority: "emergency", deadlineMilliseconds: callMilliseconds, signal } as const;
		try {
			await this.#options.client.delete(podsPath(namespace, pod.name), body, options);
			this.#options.onDeleted(namespace, pod);
		} catch (error) {
			if (signal.aborted || isKubeError(error, "NOT_FOUND", "CONFLICT")) return;
			this.#options.onFailed(namespace, pod, error);
		}
	}
}
