import { operatorNamespace as defaultNamespace } from "../crds/roles.ts";
import { apiGroup, apiVersion, deskName } from "../crds/vocabulary.ts";
import { isKubeError } from "../kube/error.ts";
import { pathOf } from "../kube/paths.ts";
import type { Context } from "./context.ts";

/**
 * What is known of the definition (CRD) of TradingSafety. Going: somebody deleted it, and the API server is at
 * deleting every desk. Unknown: it could not be read.
 */
export type DefinitionState = "Served" | "Going" | "Gone" | "Unknown";

type DefinitionObject = {
	readonly metadata: { readonly deletionTimestamp?: string };
	readonly spec: { readonly versions: readonly { readonly name: string; readonly served: boolean }[] };
};

const name = `tradingsafeties.${apiGroup}`;
const path = pathOf({
	group: "apiextensions.k8s.io",
	version: "v1",
	resource: "customresourcedefinitions",
	name,
});
const repeatMilliseconds = 10_000;
const remedy =
	"pods start in namespaces labelled targets, and after a restart of the API server none in any labelled one: apply crds/generated/ again, then raise before anything else";

/** Is the API itself still there? Without it there is no fence, and whoever sees that must shout. */
export class Definition {
	readonly #context: Context;
	readonly #own: string;
	readonly #namespaces: () => readonly string[];
	#missing = false;
	#shoutedAt = Number.NEGATIVE_INFINITY;

	/** `namespaces`: those whose fence depends on it. `own`: where the operator runs. */
	constructor(context: Context, namespaces: () => readonly string[], own = defaultNamespace) {
		this.#context = context;
		this.#namespaces = namespaces;
		this.#own = own;
		context.metrics.definitionServed.set(1);
	}

	/** Why the operator must not be counted on; undefined while the definition is served. */
	get problem(): string | undefined {
		if (!this.#missing) return undefined;
		return `the definition ${name} is gone, and with it the fence of ${this.#namespaces().join(", ")}: ${remedy}`;
	}

	/** Reads the definition, and says at once what it means when it is gone. */
	async look(): Promise<DefinitionState> {
		const state = await this.#read();
		if (state === "Going" || state === "Gone") this.missing();
		else if (state === "Served") this.#back();
		return state;
	}

	/** A list of desks was answered: nothing to do, unless the definition was missing before. */
	async listed(): Promise<void> {
		if (this.#missing) await this.look();
	}

	/** The API server does not know the kind. */
	missing(): void {
		const { log, metrics, events } = this.#context;
		if (!this.#missing) metrics.errors.inc({ where: "definition-gone" });
		this.#missing = true;
		metrics.definitionServed.set(0);
		if (performance.now() - this.#shoutedAt < repeatMilliseconds) return;
		this.#shoutedAt = performance.now();
		const namespaces = this.#namespaces();
		log.fatal({ definition: name, namespaces }, `the definition is gone: the fence is gone; ${remedy}`);
		// Again each time: a replica that has just started does not know all namespaces yet.
		for (const namespace of namespaces) {
			const desk = { apiVersion: `${apiGroup}/${apiVersion}`, kind: "TradingSafety", name: deskName };
			events.record({ regarding: { ...desk, namespace }, ...warning(namespace) });
		}
		const regarding = { apiVersion: "v1", kind: "Namespace", name: this.#own, namespace: this.#own };
		events.record({ regarding, ...warning(namespaces.join(", ")) });
	}

	#back(): void {
		if (!this.#missing) return;
		this.#missing = false;
		this.#shoutedAt = Number.NEGATIVE_INFINITY;
		this.#context.metrics.definitionServed.set(1);
		this.#context.log.warn({ definition: name }, "the definition is back: desks that are not are not halted");
	}

	async #read(): Promise<DefinitionState> {
		try {
			const { metadata, spec } = await this.#context.client.get<DefinitionObject>(path, undefined, {
				priority: "emergency",
				deadlineMilliseconds: 2_000,
			});
			if (metadata.deletionTimestamp !== undefined) return "Going";
			return spec.versions.some((version) => version.name === apiVersion && version.served)
				? "Served"
				: "Gone";
		} catch (err) {
			if (isKubeError(err, "NOT_FOUND")) return "Gone";
			this.#context.metrics.errors.inc({ where: "read-definition" });
			this.#context.log.error({ definition: name, err }, "could not read the definition");
			return "Unknown";
		}
	}
}

function warning(namespaces: string) {
	const note = `the definition ${name} is gone, and with it the fence of ${namespaces}: ${remedy}`;
	return { type: "Warning", reason: "DefinitionGone", action: "Observed", note } as const;
}
