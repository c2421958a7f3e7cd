import { targetStates } from "../core/targets.ts";
import type { TradingSafety } from "../crds/types.ts";
import { deskName, enforceLabel } from "../crds/vocabulary.ts";
import { wait } from "../kube/backoff.ts";
import { isKubeError } from "../kube/error.ts";
import { type KubeObject, keyOf } from "../kube/object.ts";
import { pathOf } from "../kube/paths.ts";
import { Reflector } from "../kube/reflector.ts";
import type { Context } from "./context.ts";
import { Definition } from "./definition.ts";
import { DeskState } from "./desk-state.ts";
import { NamespaceView } from "./namespace-view.ts";
import { desksPath } from "./resources.ts";

const readMilliseconds = 1_000;

/** What happens to desks. None of these may throw or wait. */
export type DeskHooks = {
	/** A version with another generation: mode, freeze or configuration moved. */
	readonly onSpec: (desk: DeskState) => void;
	/** Something else about it, or in its namespace, moved. */
	readonly onChange: (desk: DeskState) => void;
	readonly onGone: (desk: DeskState) => void;
};

type NamespaceObject = KubeObject & {
	readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
};
type DeskObject = TradingSafety & KubeObject;

/** Every desk that this replica governs, with what it sees of each: by watch, and by a plain read each second. */
export class Desks {
	readonly #context: Context;
	readonly #hooks: DeskHooks;
	readonly #only: ReadonlySet<string>;
	readonly #own: string;
	/** The desk that was refused last, so that it is said once. */
	#refused: string | undefined;
	readonly #states = new Map<string, DeskState>();
	readonly #desks: Reflector<DeskObject, DeskObject>;
	readonly #namespaces: Reflector<NamespaceObject, string | undefined>;
	readonly #stopped = new AbortController();
	#reading: Promise<void> | undefined;
	#agreedAt: number | undefined;
	readonly #definition: Definition;

	/** `only`: the namespaces to govern, all when empty. `own`: where the operator runs; a desk there is refused. */
	constructor(context: Context, only: readonly string[], own: string, hooks: DeskHooks) {
		this.#context = context;
		this.#hooks = hooks;
		this.#only = new Set(only);
		this.#own = own;
		this.#definition = new Definition(
			context,
			() => [...new Set([...this.enforced(), ...this.#states.keys()])].sort(),
			own,
		);
		this.#desks = new Reflector<DeskObject, DeskObject>({
			...this.#common("tradingsafeties"),
			path: desksPath(),
			project: (object) => object,
			watchSeconds: 15,
			priority: "emergency",
			onChange: ({ before, after }) => {
				if (after !== undefined) this.#accept(after);
				else if (before !== undefined) this.#lose(before);
			},
		});
		this.#namespaces = new Reflector<NamespaceObject, string | undefined>({
			...this.#common("namespaces"),
			path: pathOf({ group: "", version: "v1", resource: "namespaces" }),
			project: ({ metadata }) => metadata.labels?.[enforceLabel],
			onChange: ({ key, after }) => {
				const desk = this.#states.get(key);
				if (desk === undefined || desk.enforceLabel === after) return;
				desk.enforceLabel = after;
				this.#hooks.onSpec(desk);
			},
		});
	}

	/** Starts watching. Resolves when desks and namespaces were listed. */
	async start(): Promise<void> {
		this.#reading = this.#readForEver();
		this.#namespaces.start();
		await this.#namespaces.synced();
		this.#desks.start();
		await this.#desks.synced();
	}

	all(): readonly DeskState[] {
		return [...this.#states.values()];
	}

	/** Namespaces with the enforce label. */
	enforced(): readonly string[] {
		return [...this.#namespaces.rows]
			.filter(([name, label]) => label !== undefined && this.#governs(name))
			.map(([name]) => name);
	}

	/** What is wrong with the definition of the desks themselves. */
	get definitionProblem(): string | undefined {
		return this.#definition.problem;
	}

	/** When the watch last agreed with a plain read, by `performance.now()`. */
	get agreedAt(): number | undefined {
		return this.#agreedAt;
	}

	async stop(): Promise<void> {
		this.#stopped.abort();
		await Promise.all([
			this.#reading,
			this.#desks.stop(),
			this.#namespaces.stop(),
			...this.all().map((desk) => desk.view.stop()),
		]);
	}

	#common(resource: string) {
		const { client, log, metrics } = this.#context;
		return {
			client,
			onError: (error: unknown) => {
				metrics.errors.inc({ where: `watch-${resource}` });
				log.warn({ resource, err: error }, "watch failed: going on");
			},
			onRelist: (reason: string) => {
				metrics.relists.inc({ resource, reason });
				log.debug({ resource, reason }, "listing");
			},
		};
	}

	#governs(namespace: string): boolean {
		return this.#only.size === 0 || this.#only.has(namespace);
	}

	#accept(object: DeskObject): void {
		const namespace = object.metadata.namespace ?? "";
		if (object.metadata.name !== deskName || !this.#governs(namespace)) return;
		const known = this.#states.get(namespace);
		if (known === undefined) {
			this.#open(object);
			return;
		}
		known.isOrphan = false;
		const { uid, generation } = known.object.metadata;
		if (!known.accept(object)) return;
		const moved = uid !== object.metadata.uid || generation !== object.metadata.generation;
		if (moved) this.#hooks.onSpec(known);
		else this.#hooks.onChange(known);
	}

	#open(object: DeskObject): void {
		const namespace = object.metadata.namespace ?? "";
		const { client, log, metrics } = this.#context;
		if (namespace === this.#own) {
			if (this.#refused === object.metadata.uid) return;
			this.#refused = object.metadata.uid;
			metrics.errors.inc({ where: "desk-in-own-namespace" });
			log.error(
				{ namespace },
				"a desk in the operator's own namespace could stop the operator: it is not governed",
			);
			return;
		}
		const view = new NamespaceView(client, namespace, {
			onChange: () => this.#hooks.onChange(desk),
			onPod: (pod) => desk.seePod(pod),
			onError: (error, resource) => {
				metrics.errors.inc({ where: `watch-${resource}` });
				log.warn({ namespace, resource, err: error }, "watch failed: going on");
			},
			onRelist: (reason, resource) => {
				metrics.relists.inc({ resource, reason });
				log.debug({ namespace, resource, reason }, "listing");
			},
		});
		const desk = new DeskState(object, view);
		desk.enforceLabel = this.#namespaces.rows.get(namespace);
		this.#states.set(namespace, desk);
		log.info({ namespace, mode: object.spec.mode }, "governing desk");
		view.start().then(
			() => {
				desk.viewSynced = true;
				this.#hooks.onSpec(desk);
			},
			(error) => {
				if (!isKubeError(error, "CANCELLED"))
					log.error({ namespace, err: error }, "cannot see the namespace");
			},
		);
		this.#hooks.onSpec(desk);
	}

	#lose(object: DeskObject): void {
		const desk = this.#states.get(object.metadata.namespace ?? "");
		if (desk !== undefined && !desk.isOrphan) void this.#judgeLoss(desk);
	}

	/** Somebody with the right deleted this desk, or it went with its definition, and then nobody allowed that. */
	async #judgeLoss(desk: DeskState): Promise<void> {
		const { uid } = desk.object.metadata;
		let state = await this.#definition.look();
		while (state === "Unknown" && !this.#stopped.signal.aborted) {
			await wait(readMilliseconds, this.#stopped.signal);
			state = await this.#definition.look();
		}
		const isSame = this.#states.get(desk.namespace) === desk && desk.object.metadata.uid === uid;
		if (!isSame || this.#stopped.signal.aborted) return;
		if (state !== "Served" && this.#adopt(desk)) return;
		const { log, metrics } = this.#context;
		metrics.errors.inc({ where: "desk-deleted" });
		log.error(
			{ namespace: desk.namespace, mode: desk.object.spec.mode },
			"the desk was deleted: its fence is open",
		);
		desk.isForgotten = true;
		this.#states.delete(desk.namespace);
		this.#hooks.onGone(desk);
		void desk.view.stop();
	}

	/** Goes on enforcing a desk that lost its object to the loss of the definition. False: there is nothing to. */
	#adopt(desk: DeskState): boolean {
		if (targetStates(desk.object).every((state) => state.admits)) return false;
		if (desk.isOrphan) return true;
		desk.isOrphan = true;
		const { namespace, object } = desk;
		this.#context.log.error(
			{ namespace, mode: object.spec.mode, generation: object.metadata.generation },
			"the desk is gone with its definition: what it stopped last is enforced on",
		);
		this.#hooks.onChange(desk);
		return true;
	}

	/** The second sense: a plain read each second, taken in as the watch is, and held against it. */
	async #readForEver(): Promise<void> {
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			try {
				await this.#readOnce(signal);
			} catch (error) {
				if (signal.aborted) return;
				if (isKubeError(error, "NOT_FOUND")) this.#loseDefinition();
				this.#context.metrics.errors.inc({ where: "read-desks" });
				this.#context.log.warn({ err: error }, "could not read the desks");
			}
			await wait(readMilliseconds, signal);
		}
	}

	#loseDefinition(): void {
		this.#definition.missing();
		for (const desk of this.all()) this.#adopt(desk);
	}

	async #readOnce(signal: AbortSignal): Promise<void> {
		const list = await this.#context.client.list<DeskObject>(desksPath(), undefined, {
			priority: "emergency",
			deadlineMilliseconds: 2_000,
			signal,
		});
		await this.#definition.listed();
		const read = new Map(list.items.map((item) => [keyOf(item), item]));
		let agrees = true;
		for (const key of new Set([...read.keys(), ...this.#desks.rows.keys()])) {
			const object = read.get(key);
			const row = this.#desks.rows.get(key);
			if (object?.metadata.resourceVersion !== row?.metadata.resourceVersion) agrees = false;
			this.#desks.observe(key, object);
			if (object !== undefined) this.#accept(object);
		}
		if (agrees) this.#agreedAt = performance.now();
	}
}
