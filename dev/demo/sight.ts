import { request } from "undici";
import { leaderLease } from "../../crds/roles.ts";
import type { TradingSafety } from "../../crds/types.ts";
import { apiGroup, apiVersion } from "../../crds/vocabulary.ts";
import type { KubeObject } from "../../kube/object.ts";
import { pathOf } from "../../kube/paths.ts";
import { Reflector } from "../../kube/reflector.ts";
import { wallNow } from "../venue/clock.ts";
import type { BoxSight } from "./button.ts";
import type { Demo } from "./demo.ts";
import { partLabel } from "./desk.ts";
import { type SeenAccount, watchMarket } from "./market-sight.ts";
import type { Replica } from "./replica.ts";
import { accounts } from "./trading-desk.ts";
import { claimedGeneration } from "./walk/truth.ts";

/** What the live view shows, as the API server and the replicas have it. */
export type Seen = {
	readonly desk: TradingSafety | undefined;
	readonly pods: readonly SeenPod[];
	readonly workloads: readonly SeenWorkload[];
	/** Identity of the leader. */
	readonly leader: string | undefined;
	readonly replicas: readonly SeenReplica[];
	/** The accounts at the venue; undefined where there is none, or while it does not answer. */
	readonly market?: readonly SeenAccount[];
	/** What the box of the button shows; undefined where there is none. */
	readonly button?: BoxSight;
	/** The last things that went wrong, newest first. */
	readonly notes: readonly string[];
};

export type SeenPod = { readonly part: string; readonly stopping: boolean };
export type SeenWorkload = {
	readonly name: string;
	readonly part: string;
	readonly replicas: number;
	readonly ready: number;
};
export type SeenReplica = {
	readonly name: string;
	readonly identity: string;
	/** `ready`, or why not. */
	readonly readiness: string;
	readonly port: number | undefined;
	readonly log: string;
};

type Labelled = KubeObject & {
	readonly metadata: {
		readonly deletionTimestamp?: string;
		readonly labels?: Readonly<Record<string, string>>;
	};
};
type WorkloadObject = Labelled & {
	readonly spec: { readonly replicas?: number };
	readonly status?: { readonly readyReplicas?: number };
};
type Lease = KubeObject & { readonly spec?: { readonly holderIdentity?: string | null } };
type AnyReflector = Pick<Reflector<KubeObject, unknown>, "start" | "stop">;

const READINESS_MILLISECONDS = 1_000;
const NOTES_KEPT = 3;

/** Watches the desk, its pods and workloads, and who leads, and asks the replicas each second whether they are ready. */
export class Sight {
	readonly #replicas: readonly Replica[];
	readonly #leaseKey: string;
	readonly #desks: Reflector<TradingSafety & KubeObject, TradingSafety>;
	readonly #pods: Reflector<Labelled, SeenPod>;
	readonly #workloads: readonly Reflector<WorkloadObject, SeenWorkload>[];
	readonly #leases: Reflector<Lease, string | undefined>;
	readonly #readiness = new Map<string, string>();
	readonly #stopped = new AbortController();
	readonly #floor: Demo["floor"];
	readonly #button: Demo["button"];
	#market: ReturnType<typeof watchMarket> | undefined;
	/** When the first mode of the halt was seen confirmed; milliseconds since 1970. */
	#haltedAt: number | undefined;
	#notes: readonly string[] = [];
	#asking: Promise<void> = Promise.resolve();
	#timer: NodeJS.Timeout | undefined;

	constructor({ admin: client, namespace: deskNamespace, operatorNamespace, replicas, floor, button }: Demo) {
		const common = (group: string, version: string, resource: string, namespace: string) => ({
			client,
			path: pathOf({ group, version, resource, namespace }),
			onChange: () => {},
			onError: (error: unknown) => this.note(`cannot watch ${resource}: ${String(error)}`),
		});
		this.#replicas = replicas;
		this.#floor = floor;
		this.#button = button;
		this.#leaseKey = `${operatorNamespace}/${leaderLease}`;
		this.#desks = new Reflector<TradingSafety & KubeObject, TradingSafety>({
			...common(apiGroup, apiVersion, "tradingsafeties", deskNamespace),
			project: (desk) => desk,
			onChange: ({ after }) => this.#noteHalt(after),
		});
		this.#pods = new Reflector<Labelled, SeenPod>({
			...common("", "v1", "pods", deskNamespace),
			project: ({ metadata }) => ({
				part: metadata.labels?.[partLabel] ?? "",
				stopping: metadata.deletionTimestamp !== undefined,
			}),
		});
		this.#workloads = ["deployments", "statefulsets"].map(
			(resource) =>
				new Reflector<WorkloadObject, SeenWorkload>({
					...common("apps", "v1", resource, deskNamespace),
					project: ({ metadata, spec, status }) => ({
						name: metadata.name,
						part: metadata.labels?.[partLabel] ?? "",
						replicas: spec.replicas ?? 1,
						ready: status?.readyReplicas ?? 0,
					}),
				}),
		);
		this.#leases = new Reflector<Lease, string | undefined>({
			...common("coordination.k8s.io", "v1", "leases", operatorNamespace),
			project: ({ spec }) => spec?.holderIdentity ?? undefined,
		});
	}

	start(): void {
		for (const reflector of this.#all()) reflector.start();
		const ask = () => {
			this.#asking = this.#askReplicas();
		};
		ask();
		this.#timer = setInterval(ask, READINESS_MILLISECONDS);
		if (this.#floor === undefined) return;
		this.#market = watchMarket({
			...{ venue: this.#floor.venue, accounts, haltedAt: () => this.#haltedAt },
			onError: (error) => this.note(`the venue does not answer: ${String(error)}`),
		});
	}

	/** Adds something to tell the person. */
	note(text: string): void {
		const time = new Date().toISOString().slice(11, 19);
		this.#notes = [`${time} ${text}`, ...this.#notes].slice(0, NOTES_KEPT);
	}

	/** Everything as seen now. */
	seen(): Seen {
		const market = this.#market?.rows();
		const button = this.#button?.sight();
		return {
			desk: [...this.#desks.rows.values()][0],
			pods: [...this.#pods.rows.values()],
			workloads: this.#workloads.flatMap((reflector) => [...reflector.rows.values()]),
			leader: this.#leases.rows.get(this.#leaseKey),
			replicas: this.#replicas.map((replica) => ({
				name: replica.name,
				identity: replica.identity(),
				readiness: this.#readiness.get(replica.name) ?? "not asked yet",
				port: replica.port(),
				log: replica.log,
			})),
			notes: this.#notes,
			...(market !== undefined && { market }),
			...(button !== undefined && { button }),
		};
	}

	#noteHalt(desk: TradingSafety | undefined): void {
		if (desk === undefined || (desk.spec.mode === "Normal" && desk.spec.freeze !== true)) {
			this.#haltedAt = undefined;
		} else if (claimedGeneration({ object: desk }) !== undefined) {
			this.#haltedAt ??= wallNow();
		}
	}

	async stop(): Promise<void> {
		clearInterval(this.#timer);
		this.#stopped.abort();
		await this.#asking;
		await this.#market?.stop();
		await Promise.all(this.#all().map((reflector) => reflector.stop()));
	}

	#all(): readonly AnyReflector[] {
		return [this.#desks, this.#pods, ...this.#workloads, this.#leases];
	}

	async #askReplicas(): Promise<void> {
		await Promise.all(
			this.#replicas.map(async (replica) => {
				const readiness = await readinessOf(replica, this.#stopped.signal);
				this.#readiness.set(replica.name, readiness);
			}),
		);
	}
}

/** What /readyz says, in one line. Being unreachable is an answer, too. */
async function readinessOf(replica: Replica, stopped: AbortSignal): Promise<string> {
	const port = replica.port();
	if (port === undefined) return replica.pid() === undefined ? "not running" : "starting";
	try {
		const response = await request(`http://127.0.0.1:${port}/readyz`, {
			signal: AbortSignal.any([stopped, AbortSignal.timeout(READINESS_MILLISECONDS)]),
			reset: true,
		});
		const text = await response.body.text();
		return response.statusCode === 200 ? "ready" : `not ready: ${text.trim().replaceAll("\n", "; ")}`;
	} catch (error) {
		return `does not answer: ${error instanceof Error ? error.message : String(error)}`;
	}
}
