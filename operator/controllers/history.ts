import type { Recovery } from "../../core/memory.ts";
import { historyRegressed } from "../../core/regression.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { isKubeError } from "../../kube/error.ts";
import { WorkQueue } from "../../kube/work-queue.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { deskPath } from "../resources.ts";

const deadlineMilliseconds = 5_000;

/**
 * Is a desk milder than this replica remembers, although nobody lowered it? Asked by every replica, which then
 * raises to what it remembers. It has no right to lower, so it can do no harm where it is wrong.
 */
export class HistoryKeeper implements Controller {
	readonly #context: Context;
	readonly #account: string;
	readonly #desks = new Map<string, DeskState>();
	/** By namespace: what was said last, so that it is said, and begun, once. Failures are tried again by the queue. */
	readonly #told = new Map<string, string>();
	readonly #queue: WorkQueue;

	/** `account`: the user name of the raising account, for `spec.setBy`. */
	constructor(context: Context, account: string) {
		this.#context = context;
		this.#account = account;
		this.#queue = new WorkQueue({
			name: "history",
			concurrency: 4,
			pass: (namespace, signal) => this.#pass(namespace, signal),
			onError: ({ key, error, failures }) => {
				context.metrics.errors.inc({ where: "history" });
				context.log.error(
					{ namespace: key, failures, err: error },
					"could not raise to what is remembered: will try again",
				);
			},
		});
	}

	look(desk: DeskState): void {
		this.#desks.set(desk.namespace, desk);
		const { namespace, recovery } = desk;
		const what = recovery && `${recovery.remembered} ${recovery.found}`;
		if (what === this.#told.get(namespace)) return;
		if (recovery === undefined || what === undefined) {
			this.#told.delete(namespace);
			return;
		}
		this.#told.set(namespace, what);
		this.#tell(desk, recovery);
		if (isRaise(recovery)) this.#queue.add(namespace);
	}

	forget(desk: DeskState): void {
		this.#desks.delete(desk.namespace);
		this.#told.delete(desk.namespace);
	}

	async stop(): Promise<void> {
		await this.#queue.stop({ deadlineMilliseconds });
	}

	async #pass(namespace: string, signal: AbortSignal): Promise<undefined> {
		const desk = this.#desks.get(namespace);
		const recovery = desk?.recovery;
		if (desk === undefined || recovery === undefined || !isRaise(recovery)) return;
		const { remembered, found } = recovery;
		const raised = await this.#raise(desk, recovery, signal);
		desk.accept(raised);
		this.#context.log.error(
			{ namespace, remembered, found, mode: raised.spec.mode },
			"raised to what is remembered",
		);
	}

	/** With an author it needs no stamp, which an API server that has just started cannot give. */
	async #raise(desk: DeskState, recovery: Recovery, signal: AbortSignal): Promise<TradingSafety> {
		const { client } = this.#context;
		const path = deskPath(desk.namespace);
		const options = { priority: "emergency", deadlineMilliseconds, signal } as const;
		const operations = this.#operations(desk.object, recovery);
		try {
			const author = { op: "add", path: "/spec/setBy", value: this.#account };
			return await client.patch(path, [...operations, author], { type: "json" }, options);
		} catch (error) {
			if (!isKubeError(error, "FORBIDDEN", "INVALID")) throw error;
			// It runs under another name than the usual one.
			return client.patch(path, operations, { type: "json" }, options);
		}
	}

	#operations(desk: TradingSafety, recovery: Recovery): readonly object[] {
		const { mode, freeze, targetModes, remembered, found } = recovery;
		const { clock, identity } = this.#context;
		const trip = {
			id: crypto.randomUUID(),
			source: identity.slice(0, 256),
			type: historyRegressed,
			at: clock.now(),
			detail: { remembered, found },
		};
		const fields = {
			...(mode !== undefined && { mode }),
			...(freeze !== undefined && { freeze }),
			...(targetModes !== undefined && { targetModes: { ...desk.spec.targetModes, ...targetModes } }),
			// With the reason of another replica's raise it would count as stale, and be cleared.
			reason: `history went back: found ${found}, remembered ${remembered} by ${identity}`.slice(0, 1024),
			trip,
		};
		return Object.entries(fields).map(([field, value]) => ({ op: "add", path: `/spec/${field}`, value }));
	}

	#tell(desk: DeskState, recovery: Recovery): void {
		const { log, metrics, events } = this.#context;
		const { namespace } = desk;
		const { remembered, found } = recovery;
		metrics.regressions.inc({ namespace });
		log.error({ namespace, remembered, found }, "history went back: the desk is milder than remembered");
		const { apiVersion, kind, metadata } = desk.object;
		events.record({
			regarding: { apiVersion, kind, name: metadata.name, uid: metadata.uid, namespace },
			type: "Warning",
			reason: historyRegressed,
			action: isRaise(recovery) ? "Raised" : "Noticed",
			note: `history went back: found ${found}, while ${remembered} is remembered; ${remedy(recovery)}`,
		});
	}
}

function isRaise({ mode, freeze, targetModes }: Recovery): boolean {
	return mode !== undefined || freeze !== undefined || targetModes !== undefined;
}

/** What is done about it, and what only a person may do. */
function remedy(recovery: Recovery): string {
	const raise = isRaise(recovery) ? ["raising to that"] : [];
	const enforce =
		recovery.enforces === true ? ["nothing is enforced until a person sets spec.enforcement: Enforce"] : [];
	return [...raise, ...enforce].join("; ");
}
