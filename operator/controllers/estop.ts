import { armed, type DeviceSeen, latencyBudget, lostTo } from "../../core/armed.ts";
import { observes } from "../../core/enforcement.ts";
import { estopLabel, estopAnnotations as names } from "../../crds/estop-lease.ts";
import type { Mode } from "../../crds/vocabulary.ts";
import { wait } from "../../kube/backoff.ts";
import { pathOf } from "../../kube/paths.ts";
import type { Context, Controller } from "../context.ts";
import type { DeskState } from "../desk-state.ts";
import { deskPath } from "../resources.ts";

type Lease = {
	readonly metadata: {
		readonly uid: string;
		readonly resourceVersion: string;
		readonly annotations?: Readonly<Record<string, string>>;
	};
};
type Known = { lease: Lease; silentMilliseconds: number };

const readMilliseconds = 1_000;
const answerMilliseconds = 2_000;
/** Without an answer for so long nothing is known of any device. */
const currentMilliseconds = 5_000;

/** Are the e-stop devices armed? Reads their Leases each second, and raises where too few are. */
export class EstopKeeper implements Controller {
	readonly #context: Context;
	readonly #path: string;
	readonly #desks: () => readonly DeskState[];
	readonly #onFinding: (desk: DeskState) => void;
	readonly #known = new Map<string, Known>();
	readonly #told = new WeakMap<DeskState, string>();
	readonly #raising = new Set<DeskState>();
	readonly #stopped = new AbortController();
	#readAt: number | undefined;
	#isReading = false;
	#reading: Promise<void> = Promise.resolve();

	/** `onFinding` is told when what is known of the devices of a desk has changed. */
	constructor(
		context: Context,
		namespace: string,
		desks: () => readonly DeskState[],
		onFinding: (desk: DeskState) => void,
	) {
		this.#context = context;
		this.#path = pathOf({ group: "coordination.k8s.io", version: "v1", resource: "leases", namespace });
		this.#desks = desks;
		this.#onFinding = onFinding;
	}

	start(): void {
		this.#reading = this.#readForEver();
	}

	look(desk: DeskState): void {
		const { object } = desk;
		if ((object.spec.estop?.devices ?? []).length === 0) {
			desk.devices = undefined;
			return;
		}
		desk.devices = this.#devices();
		const news = JSON.stringify([armed(object, desk.devices), latencyBudget(object, desk.devices)]);
		const pressed = desk.devices?.map((device) => device.pressed).join();
		if (this.#told.get(desk) !== `${news} ${pressed}`) {
			this.#told.set(desk, `${news} ${pressed}`);
			this.#onFinding(desk);
		}
		const mode = observes(object.spec) ? undefined : lostTo(object, desk.devices);
		if (mode !== undefined) void this.#raise(desk, mode);
	}

	async stop(): Promise<void> {
		this.#stopped.abort();
		await this.#reading;
	}

	#devices(): readonly DeviceSeen[] | undefined {
		if (this.#readAt === undefined || performance.now() - this.#readAt > currentMilliseconds)
			return undefined;
		return [...this.#known.values()].map(({ lease, silentMilliseconds }) =>
			deviceOf(lease.metadata.annotations ?? {}, silentMilliseconds),
		);
	}

	async #readForEver(): Promise<void> {
		const { signal } = this.#stopped;
		while (!signal.aborted) {
			try {
				await this.#readOnce(signal);
			} catch (err) {
				if (signal.aborted) return;
				this.#isReading = false;
				this.#context.metrics.errors.inc({ where: "estop-leases" });
				this.#context.log.warn({ err }, "could not read the Leases of e-stop devices");
			}
			for (const desk of this.#desks()) if (!desk.isForgotten && !desk.isOrphan) this.look(desk);
			await wait(readMilliseconds, signal);
		}
	}

	async #readOnce(signal: AbortSignal): Promise<void> {
		const { items } = await this.#context.client.list<Lease>(
			this.#path,
			{ labelSelector: estopLabel },
			{ priority: "emergency", deadlineMilliseconds: answerMilliseconds, signal },
		);
		const now = performance.now();
		// Time in which nothing could be read is no silence of a device: it may have been as little able to write.
		const isKnown = this.#isReading && this.#readAt !== undefined;
		const since = isKnown ? Math.min(now - (this.#readAt ?? now), 2 * readMilliseconds) : 0;
		this.#isReading = true;
		this.#readAt = now;
		const before = new Map(this.#known);
		this.#known.clear();
		for (const lease of items) {
			const { uid, resourceVersion } = lease.metadata;
			const known = before.get(uid);
			const isSame = known?.lease.metadata.resourceVersion === resourceVersion;
			this.#known.set(uid, { lease, silentMilliseconds: isSame ? known.silentMilliseconds + since : 0 });
		}
	}

	async #raise(desk: DeskState, mode: Mode): Promise<void> {
		if (this.#raising.has(desk)) return;
		this.#raising.add(desk);
		const { client, clock, identity, log, metrics } = this.#context;
		const { namespace } = desk;
		const trip = {
			id: crypto.randomUUID(),
			source: identity.slice(0, 256),
			at: clock.now(),
			type: "EstopLost",
			detail: null,
		};
		try {
			const options = { priority: "emergency", deadlineMilliseconds: answerMilliseconds } as const;
			await client.patch(deskPath(namespace), { spec: { mode, trip } }, { type: "merge" }, options);
			log.error({ namespace, mode }, "too few e-stop devices are armed: raised");
		} catch (err) {
			metrics.errors.inc({ where: "estop-raise" });
			log.error(
				{ namespace, mode, err },
				"too few e-stop devices are armed, and the desk could not be raised",
			);
		} finally {
			this.#raising.delete(desk);
		}
	}
}

function deviceOf(annotations: Readonly<Record<string, string>>, silentMilliseconds: number): DeviceSeen {
	const of = (name: keyof typeof names) => annotations[names[name]] ?? "";
	const interval = Number.parseFloat(of("interval"));
	return {
		serial: of("serial"),
		product: of("product"),
		descriptorHash: of("descriptorHash"),
		pressed: of("pressed") === "true",
		// A Lease that does not say it is no promise.
		notArmed: annotations[names.notArmed] ?? "its Lease does not say that it is armed",
		...(Number.isFinite(interval) && { intervalMilliseconds: interval }),
		testing: of("testing")
			.split(",")
			.filter((namespace) => namespace !== ""),
		untested: of("tested") !== "Hardware",
		...(of("lastProofTest") !== "" && { lastProofTest: of("lastProofTest") }),
		silentSeconds: silentMilliseconds / 1_000,
		ended: of("ended") === "true",
	};
}
