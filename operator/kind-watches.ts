import type { KindProblem, Recorded, Workload, WorkloadName } from "../core/observed.ts";
import type { Client } from "../kube/client.ts";
import { isKubeError } from "../kube/error.ts";
import { pathOf } from "../kube/paths.ts";
import type { Change } from "../kube/reflector.ts";
import { Reflector } from "../kube/reflector.ts";
import { type CustomKindsView, definitionsResource } from "./custom-kinds.ts";
import { builtInKinds } from "./workloads/index.ts";
import type { WorkloadKind, WorkloadObject } from "./workloads/kind.ts";

/** After so many failures in a row a kind counts as one that cannot be seen. */
const failuresOfAKind = 3;
/** A cluster may have many custom kinds that nobody allowed us to see. */
const customBackoff = { baseMilliseconds: 50, factor: 2, capMilliseconds: 15_000 };

/** What to tell the owner. None of these may throw. */
export type KindHooks = {
	readonly onChange: (change: Change<Workload>) => void;
	/** A kind can be seen again, or not any more. */
	readonly onProblem: () => void;
	readonly onError: (error: unknown, resource: string) => void;
	readonly onRelist: (reason: string, resource: string) => void;
};

type Watch = {
	readonly kind: WorkloadKind;
	readonly reflector: Reflector<WorkloadObject, Workload | undefined>;
	/** Resolves when it was listed, or may never be. */
	readonly tried: Promise<void>;
	synced: boolean;
	/** In a row. */
	failures: number;
	problem: "Forbidden" | "NotListed" | undefined;
};

/** The watches on the workloads of one namespace, one for each kind that there is. */
export class KindWatches {
	readonly #client: Pick<Client, "list" | "watch">;
	readonly #namespace: string;
	readonly #hooks: KindHooks;
	readonly #watches = new Map<string, Watch>();
	#custom: CustomKindsView = { kinds: [], listed: false };
	#started = false;
	#stopping: Promise<void>[] = [];

	constructor(client: Pick<Client, "list" | "watch">, namespace: string, hooks: KindHooks) {
		this.#client = client;
		this.#namespace = namespace;
		this.#hooks = hooks;
	}

	/** Starts to watch the kinds of Kubernetes itself, and the custom ones that are known. */
	start(): void {
		this.#started = true;
		this.#open();
	}

	/** Takes what is known of custom kinds: watches what is new, forgets what is gone. */
	setCustom(custom: CustomKindsView): void {
		this.#custom = custom;
		if (this.#started) this.#open();
		this.#hooks.onProblem();
	}

	/** Resolves when every kind was listed or may not be. */
	async tried(): Promise<void> {
		await Promise.all([...this.#watches.values()].map((watch) => watch.tried));
	}

	/** The workloads as seen now. An autoscaler has the labels of what it scales. */
	rows(): readonly Workload[] {
		const rows = [...this.#watches.values()].flatMap(({ reflector }) => [...reflector.rows.values()]);
		const workloads = rows.filter((row) => row !== undefined);
		if (!workloads.some((workload) => workload.scales !== undefined)) return workloads;
		const labels = new Map(workloads.map((workload) => [nameKey(workload), workload.labels]));
		return workloads.map((workload) => {
			const { scales } = workload;
			return scales === undefined ? workload : { ...workload, labels: labels.get(nameKey(scales)) ?? {} };
		});
	}

	/** The kind of a workload, as long as there is such a kind. */
	kindOf({ kind, apiVersion }: Pick<Workload, "kind" | "apiVersion">): WorkloadKind | undefined {
		return this.#watches.get(keyOf(kind, groupOf(apiVersion)))?.kind;
	}

	/** True when nothing follows from a recorded workload not being seen. */
	isUnseen({ kind, apiVersion }: Pick<Recorded, "kind" | "apiVersion">): boolean {
		const watch = this.#watches.get(keyOf(kind, groupOf(apiVersion)));
		return watch === undefined ? !this.#custom.listed : !watch.synced || watch.problem !== undefined;
	}

	/** The kinds that cannot be seen, those of these records included. */
	problems(records: Iterable<Recorded>): readonly KindProblem[] {
		const problems: KindProblem[] = [...this.#watches.values()].flatMap(({ kind, problem }) =>
			problem === undefined ? [] : [{ resource: nameOf(kind), why: problem }],
		);
		if (!this.#custom.listed) return [...problems, { resource: definitionsResource, why: "NotListed" }];
		const gone = new Set<string>();
		for (const { kind, apiVersion } of records) {
			const group = groupOf(apiVersion);
			if (!this.#watches.has(keyOf(kind, group))) gone.add(`${kind}.${group}`);
		}
		return [...problems, ...[...gone].map((resource) => ({ resource, why: "Gone" }) as const)];
	}

	/**
	 * True while some of the rows may be behind: they were found to be, and are not listed again yet. Kinds that
	 * cannot be seen are apart: see {@link isUnseen}.
	 */
	get isDoubted(): boolean {
		return [...this.#watches.values()].some(
			({ reflector, problem }) => reflector.isDoubted && problem === undefined,
		);
	}

	/** Lists everything again; `anew` when history went back. */
	relist(reason: string, anew = false): void {
		for (const { reflector } of this.#watches.values()) reflector.relist(reason, anew);
	}

	async stop(): Promise<void> {
		this.#started = false;
		for (const watch of this.#watches.values()) this.#stopping.push(watch.reflector.stop());
		await Promise.all(this.#stopping);
	}

	/** One row as {@link rows} has it. */
	#labelled(workload: Workload): Workload {
		if (workload.scales === undefined) return workload;
		return this.rows().find((row) => row.uid === workload.uid) ?? workload;
	}

	#open(): void {
		const wanted = [...builtInKinds, ...this.#custom.kinds];
		const identities = new Set(wanted.map(identity));
		for (const [key, { kind, reflector }] of this.#watches) {
			// While definitions cannot be listed, nothing is known to be gone.
			if (!this.#custom.listed || identities.has(identity(kind))) continue;
			this.#watches.delete(key);
			this.#stopping.push(reflector.stop());
		}
		for (const kind of wanted) {
			const key = keyOf(kind.kind, kind.group);
			if (!this.#watches.has(key)) this.#watches.set(key, this.#watch(kind));
		}
	}

	#watch(kind: WorkloadKind): Watch {
		const { group, version, resource } = kind;
		const tried = Promise.withResolvers<void>();
		const reflector = new Reflector<WorkloadObject, Workload | undefined>({
			client: this.#client,
			path: pathOf({ group, version, resource, namespace: this.#namespace }),
			project: kind.project,
			...(!builtInKinds.includes(kind) && { backoff: customBackoff }),
			onChange: ({ key, before, after }) => {
				if (before === undefined && after === undefined) return;
				this.#hooks.onChange({ key, before, after: after && this.#labelled(after) });
			},
			onError: (error) => {
				watch.failures += 1;
				const why = problemOf(error, watch.failures);
				// Said once, not with each try.
				if (why === undefined || watch.problem !== why) this.#hooks.onError(error, resource);
				if (why === undefined) return;
				tried.resolve();
				this.#note(watch, why);
			},
			onState: (state) => {
				if (state !== "watching") return;
				watch.failures = 0;
				this.#note(watch, undefined);
			},
			onRelist: (reason) => this.#hooks.onRelist(reason, resource),
		});
		const watch: Watch = {
			kind,
			reflector,
			tried: tried.promise,
			synced: false,
			failures: 0,
			problem: undefined,
		};
		reflector.start();
		reflector.synced().then(
			() => {
				watch.synced = true;
				tried.resolve();
			},
			// Stopped before: there is nothing to wait for any more.
			() => tried.resolve(),
		);
		return watch;
	}

	#note(watch: Watch, problem: Watch["problem"]): void {
		if (watch.problem === problem) return;
		watch.problem = problem;
		this.#hooks.onProblem();
	}
}

/**
 * What keeps this kind alone from being seen; undefined for what may be no matter of the kind. A conversion
 * webhook that is down fails again and again where everything else is answered.
 */
function problemOf(error: unknown, failures: number): Watch["problem"] {
	if (isKubeError(error, "FORBIDDEN")) return "Forbidden";
	if (isKubeError(error, "NOT_FOUND")) return "NotListed";
	return failures >= failuresOfAKind && !isKubeError(error, "CONNECTION") ? "NotListed" : undefined;
}

/** What a watch depends on: another version or another path of the same kind is read anew. */
const identity = ({ kind, group, version, setting }: WorkloadKind) =>
	`${kind}.${group}/${version} ${setting.field.join("/")}`;
const nameKey = ({ kind, name }: WorkloadName) => `${kind}/${name}`;
const keyOf = (kind: string, group: string) => `${kind}.${group}`;
const nameOf = ({ resource, group }: WorkloadKind) => (group === "" ? resource : `${resource}.${group}`);

function groupOf(apiVersion: string): string {
	const [group, version] = apiVersion.split("/");
	return version === undefined ? "" : (group ?? "");
}
