import { uptime } from "node:os";
import { wait } from "./backoff.ts";
import type { Client } from "./client.ts";
import { ifThere, isKubeError, KubeError } from "./error.ts";
import { microTime } from "./object.ts";
import { pathOf } from "./paths.ts";

/** A `coordination.k8s.io/v1` Lease, as far as an election uses it. */
export type Lease = {
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly resourceVersion?: string;
	};
	readonly spec?: {
		readonly holderIdentity?: string | null;
		readonly leaseDurationSeconds?: number;
		readonly acquireTime?: string;
		readonly renewTime?: string;
		readonly leaseTransitions?: number;
	};
};

export type Leadership = {
	readonly leader: boolean;
	/** Who holds the lease, as last seen; `undefined` when nobody does. */
	readonly holder: string | undefined;
};

export type LeaderElectorOptions = {
	readonly client: Pick<Client, "get" | "create" | "patch">;
	readonly namespace: string;
	readonly name: string;
	/** Different for every process, also for two lives of one. */
	readonly identity: string;
	/** How long others wait after they last saw the lease change. Default 5. */
	readonly leaseSeconds?: number;
	/** How much sooner than others expect it the holder stops to believe in itself. Default a fifth of the lease. */
	readonly marginMilliseconds?: number;
	/** Default a fifth of the lease. */
	readonly renewMilliseconds?: number;
	/** How often one that is not leader looks. Default a tenth of the lease. */
	readonly retryMilliseconds?: number;
	/** Told after the fact; whoever acts asks `isLeader()` at that moment. Must not throw, like `onError`. */
	readonly onChange?: (leadership: Leadership) => void;
	readonly onError: (error: unknown) => void;
	/** A monotonic clock in milliseconds. */
	readonly now?: () => number;
};

/** CLOCK_BOOTTIME, by 10 ms: unlike `performance.now()` it also goes on while the machine is suspended. */
const sinceBoot = (): number => uptime() * 1000;

/**
 * Leader election on a Lease by the rule of client-go: the lease of another counts as expired when this process
 * has not seen it change for its duration on a clock of its own; the times written in it are for people. A
 * holder counts from before it sent its last renewal, thus always stops before others may start. Every write
 * carries the resource version that was read, so that only one of several wins.
 */
export class LeaderElector {
	readonly #options: LeaderElectorOptions;
	readonly #path: string;
	readonly #collection: string;
	readonly #leaseSeconds: number;
	readonly #now: () => number;
	readonly #stopping = new AbortController();
	#running: Promise<void> | undefined;
	/** Until when this process holds the lease, by `#now`. */
	#heldUntil = Number.NEGATIVE_INFINITY;
	/** The lease as last seen to change, and when. */
	#seen: { readonly record: string; readonly at: number } | undefined;
	#told: Leadership = { leader: false, holder: undefined };

	constructor(options: LeaderElectorOptions) {
		const lease = {
			group: "coordination.k8s.io",
			version: "v1",
			resource: "leases",
			namespace: options.namespace,
		};
		this.#options = options;
		this.#collection = pathOf(lease);
		this.#path = pathOf({ ...lease, name: options.name });
		this.#leaseSeconds = options.leaseSeconds ?? 5;
		this.#now = options.now ?? sinceBoot;
	}

	/** Whether this process is leader at the moment of the call; no timer has to run for a late answer to be no. */
	isLeader(): boolean {
		return this.remainingMilliseconds() > 0;
	}

	/** How long this process stays leader if it cannot renew; 0 when it is not leader. */
	remainingMilliseconds(): number {
		return Math.max(0, this.#heldUntil - this.#now());
	}

	start(): void {
		this.#running ??= this.#run();
	}

	/** Stops, and gives the lease back if held, so that another takes over at its next look. */
	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#running;
		// Also when it ran out meanwhile: if nobody took it, its holder still is this process.
		const wasHeld = this.#heldUntil !== Number.NEGATIVE_INFINITY;
		this.#heldUntil = Number.NEGATIVE_INFINITY;
		if (wasHeld) await this.#release();
		this.#tell(undefined);
	}

	async #run(): Promise<void> {
		const renew = this.#options.renewMilliseconds ?? this.#leaseSeconds * 200;
		const retry = this.#options.retryMilliseconds ?? this.#leaseSeconds * 100;
		while (!this.#stopping.signal.aborted) {
			try {
				this.#tell(await this.#acquireOrRenew());
			} catch (error) {
				if (this.#stopping.signal.aborted) return;
				// Losing a race is how an election works. What is true is read at the next look.
				if (!isKubeError(error, "CONFLICT", "ALREADY_EXISTS")) this.#options.onError(error);
			}
			const remaining = this.remainingMilliseconds();
			await wait(remaining > 0 ? Math.min(renew, remaining) : retry, this.#stopping.signal);
			if (this.#told.leader && !this.isLeader()) this.#tell(this.#told.holder);
		}
	}

	/** One look at the lease; takes it when it is free, ours or expired. Returns its holder. */
	async #acquireOrRenew(): Promise<string | undefined> {
		const { client, identity } = this.#options;
		const options = this.#callOptions();
		const lease = await ifThere(client.get<Lease>(this.#path, undefined, options));
		if (lease === undefined) {
			return this.#write((spec) =>
				client.create(this.#collection, this.#newLease(spec), undefined, this.#callOptions()),
			);
		}
		const holder = lease.spec?.holderIdentity || undefined;
		this.#note(lease);
		if (holder !== undefined && holder !== identity && !this.#expired(lease)) return holder;
		const transitions = lease.spec?.leaseTransitions ?? 0;
		const spec =
			holder === identity ? {} : { acquireTime: microTime(new Date()), leaseTransitions: transitions + 1 };
		return this.#write((basic) => this.#patch(lease, { ...basic, ...spec }));
	}

	/** Performs a write that makes this process the holder. Counts from before it was sent. */
	async #write(send: (spec: NonNullable<Lease["spec"]>) => Promise<unknown>): Promise<string> {
		const { identity } = this.#options;
		const sentAt = this.#now();
		await send({
			holderIdentity: identity,
			leaseDurationSeconds: this.#leaseSeconds,
			renewTime: microTime(new Date()),
		});
		const margin = this.#options.marginMilliseconds ?? this.#leaseSeconds * 200;
		this.#heldUntil = sentAt + this.#leaseSeconds * 1000 - margin;
		return identity;
	}

	async #release(): Promise<void> {
		try {
			const lease = await this.#options.client.get<Lease>(this.#path, undefined, this.#callOptions());
			if (lease.spec?.holderIdentity !== this.#options.identity) return;
			await this.#patch(lease, { holderIdentity: "", renewTime: microTime(new Date()) });
		} catch (error) {
			// The others then wait until it expires.
			this.#options.onError(error);
		}
	}

	#patch(lease: Lease, spec: NonNullable<Lease["spec"]>): Promise<Lease> {
		const { resourceVersion } = lease.metadata;
		if (resourceVersion === undefined) {
			throw new KubeError("MALFORMED", `${this.#path}: a lease without resourceVersion`);
		}
		const body = { metadata: { resourceVersion }, spec };
		return this.#options.client.patch(this.#path, body, { type: "merge" }, this.#callOptions());
	}

	#newLease(
		spec: NonNullable<Lease["spec"]>,
	): Lease & { readonly apiVersion: string; readonly kind: string } {
		const { namespace, name } = this.#options;
		return {
			apiVersion: "coordination.k8s.io/v1",
			kind: "Lease",
			metadata: { namespace, name },
			spec: { ...spec, acquireTime: microTime(new Date()), leaseTransitions: 0 },
		};
	}

	#note(lease: Lease): void {
		const { holderIdentity, renewTime, leaseTransitions } = lease.spec ?? {};
		const record = JSON.stringify([holderIdentity, renewTime, leaseTransitions]);
		if (this.#seen?.record !== record) this.#seen = { record, at: this.#now() };
	}

	#expired(lease: Lease): boolean {
		if (this.#seen === undefined) return false;
		const duration = (lease.spec?.leaseDurationSeconds ?? this.#leaseSeconds) * 1000;
		return this.#now() - this.#seen.at > duration;
	}

	/** A call that outlives the lease is of no use. The lease must not wait behind other work. */
	#callOptions(): { deadlineMilliseconds: number; priority: "emergency"; signal?: AbortSignal } {
		const deadlineMilliseconds = Math.max(500, this.#leaseSeconds * 400);
		const common = { deadlineMilliseconds, priority: "emergency" as const };
		return this.#stopping.signal.aborted ? common : { ...common, signal: this.#stopping.signal };
	}

	#tell(holder: string | undefined): void {
		const now: Leadership = { leader: this.isLeader(), holder };
		if (now.leader === this.#told.leader && now.holder === this.#told.holder) return;
		this.#told = now;
		this.#options.onChange?.(now);
	}
}
