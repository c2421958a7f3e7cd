import type { Observed, Pod, Recorded, Workload } from "../core/observed.ts";
import type { RestoreRecord } from "../crds/types.ts";
import type { Client } from "../kube/client.ts";
import { pathOf } from "../kube/paths.ts";
import { Reflector } from "../kube/reflector.ts";
import { type PodObject, podsPath, projectPod, projectRecord, recordsPath } from "./resources.ts";
import { workloadKinds } from "./workloads/index.ts";
import type { WorkloadObject } from "./workloads/kind.ts";

/** What to tell the owner of a view. None of these may throw. */
export type ViewHooks = {
	/** Something in the namespace is not as it was. */
	readonly onChange: () => void;
	/** A pod is there that was not, or has other labels. */
	readonly onPod: (pod: Pod) => void;
	readonly onError: (error: unknown, resource: string) => void;
	readonly onRelist: (reason: string, resource: string) => void;
};

/** What one replica sees of one namespace: pods, workloads and records, kept current by watches. */
export class NamespaceView {
	readonly #pods: Reflector<PodObject, Pod>;
	readonly #workloads: readonly Reflector<WorkloadObject, Workload>[];
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
			project: projectPod,
			onChange: ({ before, after }) => {
				if (after !== undefined && before?.labels !== after.labels) hooks.onPod(after);
				hooks.onChange();
			},
		});
		this.#workloads = workloadKinds.map(
			({ group, version, resource, project }) =>
				new Reflector<WorkloadObject, Workload>({
					...common(resource),
					path: pathOf({ group, version, resource, namespace }),
					project,
					onChange: hooks.onChange,
				}),
		);
		this.#records = new Reflector<RestoreRecord, Recorded>({
			...common("restorerecords"),
			path: recordsPath(namespace),
			project: projectRecord,
			onChange: hooks.onChange,
		});
	}

	/** Starts watching. Resolves when everything was listed once; rejects when stopped before. */
	async start(): Promise<void> {
		for (const reflector of this.#all()) reflector.start();
		await Promise.all(this.#all().map((reflector) => reflector.synced()));
	}

	/** What is seen now. */
	observed(): Observed {
		return {
			pods: [...this.#pods.rows.values()],
			workloads: this.#workloads.flatMap((reflector) => [...reflector.rows.values()]),
			records: new Map([...this.#records.rows.values()].map((record) => [record.workloadUid, record])),
		};
	}

	/** The pod as seen now, by its key in the namespace. */
	pod(key: string): Pod | undefined {
		return this.#pods.rows.get(key);
	}

	/** Lists everything again: what is seen here was found to be behind what is so. `anew`: history went back. */
	relist(reason: string, anew = false): void {
		for (const reflector of this.#all()) reflector.relist(reason, anew);
	}

	async stop(): Promise<void> {
		await Promise.all(this.#all().map((reflector) => reflector.stop()));
	}

	#all(): readonly Pick<Reflector<never, unknown>, "start" | "stop" | "synced" | "relist">[] {
		return [this.#pods, ...this.#workloads, this.#records];
	}
}
