import { isKubeError } from "../kube/error.ts";
import { pathOf } from "../kube/paths.ts";
import { Reflector } from "../kube/reflector.ts";
import type { Context } from "./context.ts";
import { customKind, type DefinitionObject } from "./workloads/custom.ts";
import type { WorkloadKind } from "./workloads/kind.ts";

/** Name of what is watched, as CustomResourceDefinitions are named. */
export const definitionsResource = "customresourcedefinitions.apiextensions.k8s.io";

/** What is known of custom kinds. `listed`: false until they were listed once, and while that is forbidden. */
export type CustomKindsView = { readonly kinds: readonly WorkloadKind[]; readonly listed: boolean };

/** The custom kinds of the cluster that are workloads, found by their CustomResourceDefinitions. */
export class CustomKinds {
	readonly #reflector: Reflector<DefinitionObject, WorkloadKind | undefined>;
	readonly #onChange: () => void;
	readonly #tried = Promise.withResolvers<void>();
	#synced = false;
	#forbidden = false;

	/** `onChange` is told when {@link view} is another. */
	constructor({ client, log, metrics }: Pick<Context, "client" | "log" | "metrics">, onChange: () => void) {
		this.#onChange = onChange;
		this.#reflector = new Reflector<DefinitionObject, WorkloadKind | undefined>({
			client,
			path: pathOf({ group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" }),
			project: customKind,
			// Definitions are large.
			pageSize: 50,
			onChange: ({ before, after }) => {
				if (before === undefined && after === undefined) return;
				if (after === undefined) log.warn({ kind: before?.kind }, "a kind of workload is gone");
				else if (before === undefined)
					log.info({ kind: after.kind, group: after.group }, "a kind of workload");
				if (this.#synced) onChange();
			},
			onError: (err) => {
				metrics.errors.inc({ where: "watch-customresourcedefinitions" });
				const forbidden = isKubeError(err, "FORBIDDEN");
				if (!forbidden || !this.#forbidden) log.warn({ err }, "custom kinds cannot be watched: going on");
				this.#tried.resolve();
				this.#setForbidden(forbidden);
			},
			onState: (state) => {
				if (state === "watching") this.#setForbidden(false);
			},
			onRelist: (reason) => metrics.relists.inc({ resource: "customresourcedefinitions", reason }),
		});
	}

	start(): void {
		this.#reflector.start();
		this.#reflector.synced().then(
			() => {
				this.#synced = true;
				this.#onChange();
				this.#tried.resolve();
			},
			() => this.#tried.resolve(),
		);
	}

	/** Resolves when they were listed, or that failed once: nothing may wait for it for ever. */
	tried(): Promise<void> {
		return this.#tried.promise;
	}

	view(): CustomKindsView {
		const kinds = [...this.#reflector.rows.values()].filter((kind) => kind !== undefined);
		return { kinds, listed: this.#synced && !this.#forbidden };
	}

	/** Lists them again; `anew` when history went back. */
	relist(reason: string, anew = false): void {
		this.#reflector.relist(reason, anew);
	}

	async stop(): Promise<void> {
		await this.#reflector.stop();
	}

	#setForbidden(forbidden: boolean): void {
		if (forbidden === this.#forbidden) return;
		this.#forbidden = forbidden;
		this.#onChange();
	}
}
