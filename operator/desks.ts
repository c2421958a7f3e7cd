import { observes } from "../core/enforcement.ts";
import { fences } from "../core/fence.ts";
import { targetStates } from "../core/targets.ts";
import type { TradingSafety } from "../crds/types.ts";
import { deskName, enforceLabel } from "../crds/vocabulary.ts";
import { wait } from "../kube/backoff.ts";
import { isKubeError } from "../kube/error.ts";
import type { KubeObject } from "../kube/object.ts";
import { pathOf } from "../kube/paths.ts";
import { Reflector } from "../kube/reflector.ts";
import type { Context } from "./context.ts";
import { CustomKinds } from "./custom-kinds.ts";
import { Definition } from "./definition.ts";
import { DeskReads } from "./desk-reads.ts";
import { DeskState } from "./desk-state.ts";
import type { Memory } from "./memory.ts";
import { NamespaceView } from "./namespace-view.ts";
import { type DeskObject, desksPath } from "./resources.ts";

const lookAgainMilliseconds = 1_000;

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

/** Every desk that this replica governs, with what it sees of each: by watch, and by a plain read each second. */
export class Desks {
	readonly #context: Context;
	readonly #hooks: DeskHooks;
	readonly #memory: Memory;
	readonly #only: ReadonlySet<string>;
	readonly #own: string;
	/** The desk that was refused last, so that it is said once. */
	#refused: string | undefined;
	readonly #states = new Map<string, DeskState>();
	/** The version of each desk of which `onSpec` was last told. */
	readonly #told = new WeakMap<DeskState, TradingSafety>();
	readonly #desks: Reflector<DeskObject, DeskObject>;
	readonly #namespaces: Reflector<NamespaceObject, string | undefined>;
	readonly #kinds: CustomKinds;
	readonly #stopped = new AbortController();
	#agreedAt: number | undefined;
	readonly #definition: Definition;
	readonly #reads: DeskReads;

	/** `only`: the namespaces to govern, all when empty. `own`: where the operator runs; a desk there is refused. */
	constructor(context: Context, memory: Memory, only: readonly string[], own: string, hooks: DeskHooks) {
		this.#context = context;
		this.#memory = memory;
		this.#hooks = hooks;
		this.#only = new Set(only);
		this.#own = own;
		this.#kinds = new CustomKinds(context, () => {
			const kinds = this.#kinds.view();
			for (const desk of this.all()) desk.view.setCustom(kinds);
		});
		this.#definition = new Definition(
			context,
			() => [...new Set([...this.enforced(), ...this.#states.keys()])].sort(),
			own,
		);
		this.#reads = new DeskReads(context, {
			onRead: (read, begunAt) => this.#compare(read, begunAt),
			onUnknown: () => this.#loseDefinition(),
			onWentBack: (reason) => this.#relistAll(reason),
		});
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
		this.#kinds.start();
		this.#reads.start();
		this.#namespaces.start();
		await this.#namespaces.synced();
		this.#desks.start();
		await this.#desks.synced();
	}

	all(): readonly DeskState[] {
		return [...this.#states.values()];
	}

	/** Holds every desk against what is remembered, now that more is. */
	recollect(): void {
		for (const desk of this.all()) {
			desk.recollect();
			this.#tell(desk);
		}
	}

	/** Says which desks are remembered halted and are not there. */
	reportMissing(): void {
		for (const [namespace, { mode, freeze, generation }] of this.#memory.all()) {
			if (this.#states.has(namespace) || !this.#governs(namespace)) continue;
			this.#context.metrics.errors.inc({ where: "desk-missing" });
			this.#context.log.error(
				{ namespace, mode, freeze, generation },
				"a desk that is remembered is not there: its fence is open",
			);
		}
	}

	/** Namespaces with an enforce label that denies. */
	enforced(): readonly string[] {
		return [...this.#namespaces.rows]
			.filter(([name, label]) => fences(label) && this.#governs(name))
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
			this.#reads.stop(),
			this.#desks.stop(),
			this.#namespaces.stop(),
			this.#kinds.stop(),
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

	/** `begunAt`: when the read was sent that showed it; see `DeskState.accept`. */
	#accept(object: DeskObject, begunAt?: number): void {
		const namespace = object.metadata.namespace ?? "";
		if (object.metadata.name !== deskName || !this.#governs(namespace)) return;
		const known = this.#states.get(namespace);
		if (known === undefined) {
			this.#open(object);
			return;
		}
		known.isOrphan = false;
		if (known.accept(object, begunAt)) this.#hooks.onChange(known);
	}

	#tell(desk: DeskState): void {
		const before = this.#told.get(desk);
		this.#told.set(desk, desk.object);
		const { spec, metadata } = desk.object;
		const observing = observes(spec);
		if (observing !== (before !== undefined && observes(before.spec))) {
			const facts = { namespace: desk.namespace, mode: spec.mode, generation: metadata.generation };
			this.#context.log.warn(facts, observing ? "only observing: nothing is touched" : "enforcing again");
		}
		this.#hooks.onSpec(desk);
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
			onGrowth: (workload) => {
				const contest = desk.seeGrowth(workload);
				if (contest === undefined) return;
				metrics.reverted.inc({ namespace, kind: contest.kind });
				if (contest.times === 1) log.warn({ namespace, ...contest }, "a stopped workload was let grow again");
			},
			onError: (error, resource) => {
				metrics.errors.inc({ where: `watch-${resource}` });
				log.warn({ namespace, resource, err: error }, "watch failed: going on");
			},
			onRelist: (reason, resource) => {
				metrics.relists.inc({ resource, reason });
				log.debug({ namespace, resource, reason }, "listing");
			},
		});
		const desk = new DeskState(object, {
			view,
			memory: this.#memory,
			clock: this.#context.clock,
			onMoved: (moved) => this.#tell(moved),
			onWentBack: () => this.#relistAll(`a read of the desk in ${namespace} is older than what was seen`),
		});
		desk.enforceLabel = this.#namespaces.rows.get(namespace);
		this.#states.set(namespace, desk);
		log.info({ namespace, mode: object.spec.mode }, "governing desk");
		view.setCustom(this.#kinds.view());
		view.start(this.#kinds.tried()).then(
			() => {
				desk.viewSynced = true;
				this.#tell(desk);
			},
			(error) => {
				if (!isKubeError(error, "CANCELLED"))
					log.error({ namespace, err: error }, "cannot see the namespace");
			},
		);
		this.#tell(desk);
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
			await wait(lookAgainMilliseconds, this.#stopped.signal);
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
		this.#memory.lose(desk.namespace);
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

	/** Takes in what was read as the watch is, and holds it against the watch. */
	async #compare(read: ReadonlyMap<string, DeskObject>, begunAt: number): Promise<void> {
		await this.#definition.listed();
		let agrees = true;
		for (const key of new Set([...read.keys(), ...this.#desks.rows.keys()])) {
			const object = read.get(key);
			const row = this.#desks.rows.get(key);
			if (object?.metadata.resourceVersion !== row?.metadata.resourceVersion) agrees = false;
			this.#desks.observe(key, object);
			if (object !== undefined) this.#accept(object, begunAt);
		}
		if (agrees) this.#agreedAt = performance.now();
	}

	#loseDefinition(): void {
		this.#definition.missing();
		for (const desk of this.all()) this.#adopt(desk);
	}

	/** History went back: every watch would wait in silence for versions that are long in coming. */
	#relistAll(reason: string): void {
		const { log, metrics } = this.#context;
		metrics.errors.inc({ where: "history-went-back" });
		log.error({ reason }, "history went back: listing everything anew");
		this.#desks.relist("history went back", true);
		this.#namespaces.relist("history went back", true);
		this.#kinds.relist("history went back", true);
		for (const desk of this.all()) desk.view.relist("history went back", true);
	}
}
