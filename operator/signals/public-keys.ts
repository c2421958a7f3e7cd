import { isTold } from "../../core/signals.ts";
import { targetStates } from "../../core/targets.ts";
import { publicKeysMap } from "../../crds/roles.ts";
import { pathOf } from "../../kube/paths.ts";
import { type PassResult, WorkQueue } from "../../kube/work-queue.ts";
import type { Context } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import type { KeyReader } from "./permit-keys.ts";

/** How often it is written again, so that what somebody changed does not stay. */
const refreshMilliseconds = 60_000;

/**
 * Puts the public keys where bots can mount them: a ConfigMap in the namespace of each desk that tells a target. Entry
 * `keys.json`: `{"permit": [...], "raise": [...]}`, each key as `whpk_...`.
 */
export class KeyPublisher {
	readonly #context: Context;
	readonly #keys: Pick<KeyReader, "keys">;
	readonly #desks = new Map<string, DeskState>();
	readonly #queue: WorkQueue;

	constructor(context: Context, keys: Pick<KeyReader, "keys">) {
		this.#context = context;
		this.#keys = keys;
		this.#queue = new WorkQueue({
			name: "public-keys",
			concurrency: 2,
			pass: (namespace) => this.#pass(namespace),
			onError: ({ key, error, failures }) => {
				context.metrics.errors.inc({ where: "public-keys" });
				context.log.error({ namespace: key, failures, err: error }, "could not publish the keys of permits");
			},
		});
	}

	/** A desk is there, or was changed. */
	look(desk: DeskState): void {
		if (this.#desks.has(desk.namespace) || !targetStates(desk.object).some(isTold)) return;
		this.#desks.set(desk.namespace, desk);
		this.#queue.add(desk.namespace);
	}

	/** The keys have changed. */
	lookAtAll(desks: readonly DeskState[]): void {
		for (const desk of desks) this.look(desk);
		for (const namespace of this.#desks.keys()) this.#queue.add(namespace);
	}

	forget(desk: DeskState): void {
		this.#desks.delete(desk.namespace);
	}

	async stop(): Promise<void> {
		await this.#queue.stop();
	}

	async #pass(namespace: string): Promise<PassResult> {
		const known = this.#keys.keys?.known;
		if (known === undefined || !this.#desks.has(namespace)) return undefined;
		const metadata = { name: publicKeysMap, namespace };
		await this.#context.client.patch(
			pathOf({ group: "", version: "v1", resource: "configmaps", namespace, name: publicKeysMap }),
			{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "keys.json": JSON.stringify(known) } },
			{ type: "apply", fieldManager: "tradingsafety-operator", force: true },
		);
		return { requeueAfterMilliseconds: refreshMilliseconds };
	}
}
