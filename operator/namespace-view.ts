import type { Observed, Pod, Recorded, Workload } from "../core/observed.ts";
import { type PodObject, projectPod } from "../core/pod.ts";
import type { RestoreRecord } from "../crds/types.ts";
import type { Client } from "../kube/client.ts";
import { Reflector } from "../kube/reflector.ts";
import type { CustomKindsView } from "./custom-kinds.ts";
import { KindWatches } from "./kind-watches.ts";
import { livePods, podsPath, projectRecord, recordsPath } from "./resources.ts";
import type { WorkloadKind } from "./workloads/kind.ts";

/** What to tell the owner of a view. None of these may throw. */
export type ViewHooks = {
	/** Something in the namespace is not as it was. */
	readonly onChange: () => void;
	/** A pod is there that was not, or has other labels. */
	readonly onPod: (pod: Pod) => void;
	/** A workload that was at zero is not any more. */
	readonly onGrowth: (workload: Workload) => void;
	readonly onError: (error: unknown, resource: string) => void;
	readonly onRelist: (reason: string, resource: string) => void;
};

/** What one replica sees of one namespace: pods, workloads and records, kept current by watches. */
export class NamespaceView {
	readonly #pods: Reflector<PodObject, Pod>;
	readonly #workloads: KindWatches;
	readonly #records: Reflector<RestoreRecord, Recorded>;

	constructor(client: Pick<Client, "list" | "watch">, namespace: string, hooks: ViewHooks) {
		const common = (resource: string) => ({
			client,
			onError: (error: unknown) => hooks.onError(error, resource),
			onRelist: (reason: string) => hooks.onRelist(reason, resource),
		});
		this.#pods = new Reflector<PodObject, Pod>({
			...common("pods"),
			path: podsPath(namespace),
			query: livePods,
			project: projectPod,
			onChange: ({ before, after }) => {
				if (after !== undefined && before?.labels !== after.labels) hooks.onPod(after);
				hooks.onChange();
			},
		});
		this.#workloads = new KindWatches(client, namespace, {
			onChange: ({ before, after }) => {
				if (before?.replicas === 0 && after !== undefined && after.replicas > 0 && before.uid === after.uid) {
					hooks.onGrowth(after);
				}
				hooks.onChange();
			},
			onProblem: hooks.onChange,
			onError: hooks.onError,
			onRelist: hooks.onRelist,
		});
		this.#records = new Reflector<RestoreRecord, Recorded>({
			...common("restorerecords"),
			path: recordsPath(namespace),
			project: projectRecord,
			onChange: hooks.onChange,
		});
	}

	/**
	 * Starts watching. Resolves when everything was listed once that may be listed; rejects when stopped before.
	 * `customTried` is when custom kinds were looked for.
	 */
	async start(customTried: Promise<void>): Promise<void> {
		this.#pods.start();
		this.#records.start();
		this.#workloads.start();
		await Promise.all([this.#pods.synced(), this.#records.synced(), customTried]);
		await this.#workloads.tried();
	}

	/** Takes what is known of custom kinds. */
	setCustom(custom: CustomKindsView): void {
		this.#workloads.setCustom(custom);
	}

	/** What is seen now. */
	observed(): Observed {
		const records = [...this.#records.rows.values()].map((record) =>
			this.#workloads.isUnseen(record) ? { ...record, unseen: true as const } : record,
		);
		return {
			pods: [...this.#pods.rows.values()],
			workloads: this.#workloads.rows(),
			records: new Map(records.map((record) => [record.workloadUid, record])),
			kindProblems: this.#workloads.problems(records),
		};
	}

	/** The kind of a workload, as long as there is such a kind. */
	kindOf(workload: Pick<Workload, "kind" | "apiVersion">): WorkloadKind | undefined {
		return this.#workloads.kindOf(workload);
	}

	/** The pod as seen now, by its key in the namespace. */
	pod(key: string): Pod | undefined {
		return this.#pods.rows.get(key);
	}

	/** True while what is seen was found to be behind, and is not listed again yet. */
	get isDoubted(): boolean {
		return this.#pods.isDoubted || this.#workloads.isDoubted || this.#records.isDoubted;
	}

	/** Lists everything again: what is seen here was found to be behind what is so. `anew`: history went back. */
	relist(reason: string, anew = false): void {
		for (const reflector of [this.#pods, this.#workloads, this.#records]) reflector.relist(reason, anew);
	}

	/** The same for workloads and records alone: a watch that fell silent in a halt does not show what it wrote. */
	relistStopped(reason: string): void {
		this.#workloads.relist(reason);
		this.#records.relist(reason);
	}

	async stop(): Promise<void> {
		await Promise.all([this.#pods.stop(), this.#workloads.stop(), this.#records.stop()]);
	}
}
