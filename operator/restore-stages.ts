import { failedRestore } from "../core/failed-restore.ts";
import type { RestoreStep } from "../core/restore.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Context } from "./context.ts";
import type { DeskState } from "./desk-state.ts";
import { OperatorError } from "./error.ts";
import { deskPath } from "./resources.ts";

const deadlineMilliseconds = 3_000;
const reasonLength = 1_000;
const detailLength = 256;

type Open = { readonly generation: number; readonly stage: string | undefined; readonly since: number };

/** How long has the stage of each restore been open? A leader that is new begins to count anew. */
export class RestoreStages {
	readonly #context: Context;
	/** By namespace; times by `performance.now()`. */
	readonly #open = new Map<string, Open>();

	constructor(context: Context) {
		this.#context = context;
	}

	forget(namespace: string): void {
		this.#open.delete(namespace);
	}

	/**
	 * Raises the desk again, as the account that may only raise, when a stage did not get ready in its time: exactly
	 * the version that was looked at. Throws `SUPERSEDED` then: nothing more is to be done for that version.
	 */
	async raiseIfFailed(
		desk: DeskState,
		object: TradingSafety,
		restore: RestoreStep,
		signal: AbortSignal,
	): Promise<void> {
		const failed = failedRestore(object, restore, this.#openSeconds(desk, object, restore.stage));
		if (failed === undefined) return;
		const { client, clock, identity, log, metrics } = this.#context;
		const { namespace } = desk;
		const { generation, resourceVersion, uid } = object.metadata;
		const { to, stage, waitingFor } = failed;
		const spec = {
			mode: to,
			reason: `RestoreFailed: target ${stage} waits for ${waitingFor}`.slice(0, reasonLength),
			trip: {
				id: `restore-${uid}-${generation}`,
				source: identity.slice(0, detailLength),
				at: clock.now(),
				type: "RestoreFailed",
				detail: { stage, waitingFor: waitingFor.slice(0, detailLength) },
			},
		};
		const raised = await client.patch<TradingSafety>(
			deskPath(namespace),
			{ metadata: { resourceVersion }, spec },
			{ type: "merge" },
			{ priority: "emergency", deadlineMilliseconds, signal },
		);
		desk.accept(raised);
		metrics.failedRestores.inc({ namespace });
		log.error({ namespace, stage, waitingFor, to }, "a restore failed: raised again");
		throw new OperatorError("SUPERSEDED", `the restore of ${namespace} failed: raised to ${to}`);
	}

	#openSeconds({ namespace }: DeskState, { metadata }: TradingSafety, stage: string | undefined): number {
		const generation = metadata.generation ?? 0;
		const before = this.#open.get(namespace);
		const now = performance.now();
		const isSame = before?.generation === generation && before.stage === stage;
		const since = isSame ? before.since : now;
		this.#open.set(namespace, { generation, stage, since });
		return (now - since) / 1000;
	}
}
