import { randomUUID } from "node:crypto";
import { estopDefaults } from "../crds/defaults.ts";
import type { TradingSafety } from "../crds/types.ts";
import { wait } from "../kube/backoff.ts";
import { isKubeError } from "../kube/error.ts";
import type { EstopContext } from "./context.ts";
import type { Desks } from "./desks.ts";
import { deskPath } from "./paths.ts";
import { raisePatch } from "./raise.ts";

/** What {@link Rehearsal} needs. */
export type RehearsalOptions = Pick<EstopContext, "client" | "clock" | "log" | "metrics"> & {
	readonly desks: Pick<Desks, "all" | "isReached">;
};

const everyMilliseconds = 10_000;
const againMilliseconds = 1_000;
/** Two of these and the pause between them are over when the next one begins. */
const answerMilliseconds = 4_000;

/** Would a raise get through now? Tries it by dry run on each desk that pins a device. */
export class Rehearsal {
	readonly #options: RehearsalOptions;
	/** By namespace: why a raise would be refused. */
	readonly #refused = new Map<string, string>();
	readonly #stopped = new AbortController();
	#timer: NodeJS.Timeout | undefined;

	constructor(options: RehearsalOptions) {
		this.#options = options;
	}

	start(): void {
		this.#timer = setInterval(() => void this.rehearse(), everyMilliseconds);
	}

	stop(): void {
		clearInterval(this.#timer);
		this.#stopped.abort();
	}

	/** Why a raise of this desk would be refused; undefined: it would not, as far as anybody knows. */
	refusalOf(namespace: string): string | undefined {
		return this.#refused.get(namespace);
	}

	/** Once for each desk. The first press of a process is faster for it: its way was gone once. */
	async rehearse(): Promise<void> {
		const all = this.#options.desks.all();
		for (const namespace of this.#refused.keys()) if (!all.has(namespace)) this.#refused.delete(namespace);
		await Promise.all([...all].map(([namespace, desk]) => this.#of(namespace, desk)));
	}

	async #of(namespace: string, desk: TradingSafety): Promise<void> {
		const { signal } = this.#stopped;
		let refusal = await this.#refusal(namespace, desk);
		if (refusal !== undefined) {
			// An API server that restarts drops or refuses what it takes a moment later: only the second time is believed.
			await wait(againMilliseconds, signal);
			if (signal.aborted) return;
			refusal = await this.#refusal(namespace, desk);
		}
		if (signal.aborted || refusal === "NotAnswered") return;
		if (refusal === undefined) this.#refused.delete(namespace);
		else this.#refused.set(namespace, refusal.why);
	}

	async #refusal(
		namespace: string,
		desk: TradingSafety,
	): Promise<{ readonly why: string } | "NotAnswered" | undefined> {
		const { client, clock, desks, log, metrics } = this.#options;
		const mode = desk.spec.estop?.onPress ?? estopDefaults.onPress;
		const trip = { id: randomUUID(), source: "rehearsal", at: clock.now(), type: "Button" };
		try {
			await client.patch(
				deskPath(namespace),
				raisePatch({ mode, trip }, desk),
				{ type: "merge", dryRun: true },
				{ deadlineMilliseconds: answerMilliseconds, signal: this.#stopped.signal },
			);
			return undefined;
		} catch (err) {
			if (this.#stopped.signal.aborted) return "NotAnswered";
			metrics.errors.inc({ where: "rehearse" });
			log.warn({ namespace, err }, "a raise would be refused, or was not answered");
			// Where nothing is answered that says nothing of a raise, and is said otherwise.
			if (isKubeError(err, "CONNECTION", "TIMEOUT") && !desks.isReached()) return "NotAnswered";
			return { why: err instanceof Error ? err.message : String(err) };
		}
	}
}
