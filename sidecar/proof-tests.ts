import { isHaltedAndFlat, isLent, testSeconds } from "../core/proof-test.ts";
import { estopDefaults } from "../crds/defaults.ts";
import { estopLeaseName, estopAnnotations as names } from "../crds/estop-lease.ts";
import type { Client } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import type { LeaseObject } from "./lease.ts";
import { leasePath } from "./paths.ts";
import type { DeskMap } from "./pins.ts";

/** What {@link ProofTests} needs and tells. None of these may throw. */
export type ProofTestsOptions = {
	readonly client: Pick<Client, "get">;
	readonly clock: Pick<Clock, "now">;
	readonly operatorNamespace: string;
	readonly desks: () => DeskMap;
	/** A test has begun or ended: what stands at a device may concern a desk that it did not before. */
	readonly onChange: () => void;
	readonly onError: (where: string, error: unknown) => void;
};

type Seen = { readonly resourceVersion: string; readonly movedAt: number };

const lookMilliseconds = 500;
const callMilliseconds = 2_000;
/** The Lease of an armed device is renewed each second. */
const movedMilliseconds = 3_000;

/**
 * Which desks a press does not raise since they lend the device for a proof test (`spec.estop.devices[].testUntil`): only
 * while another device of the desk is armed, and another desk pins this one. In doubt a press is a press.
 */
export class ProofTests {
	readonly #options: ProofTestsOptions;
	/** By desk, device and end: since when it is known, of a monotonic clock. */
	readonly #since = new Map<string, number>();
	/** The Leases of other devices of desks that lend one. */
	readonly #leases = new Map<string, Seen>();
	#lent: ReadonlyMap<string, number> = new Map();
	#timer: NodeJS.Timeout | undefined;
	#looking = false;

	constructor(options: ProofTestsOptions) {
		this.#options = options;
	}

	start(): void {
		this.#timer = setInterval(() => void this.#look(), lookMilliseconds);
	}

	stop(): void {
		clearInterval(this.#timer);
	}

	/** True while a press of this device does not raise this desk. */
	isLent(serial: string, namespace: string): boolean {
		const key = keyOf(serial, namespace);
		const foundAt = this.#lent.get(key);
		// What was found may have ended since.
		return (
			foundAt !== undefined &&
			performance.now() - foundAt < movedMilliseconds &&
			this.#isWithinTime(serial, namespace)
		);
	}

	/** Those of these desks that a press of this device does not raise now. */
	lentBy(serial: string, desks: DeskMap): readonly string[] {
		return [...desks.keys()].filter((namespace) => this.isLent(serial, namespace));
	}

	/** True where a press of this device now is a proof test: of these desks, those that it raises are a drill or halted and flat. */
	isProof(serial: string, desks: DeskMap): boolean {
		const raised = [...desks].filter(([namespace]) => !this.isLent(serial, namespace));
		return (
			raised.length > 0 && (raised.length < desks.size || raised.every(([, desk]) => isHaltedAndFlat(desk)))
		);
	}

	#isWithinTime(serial: string, namespace: string): boolean {
		const until = this.#untilOf(serial, namespace);
		const since = this.#since.get(`${keyOf(serial, namespace)} ${until}`) ?? Number.NEGATIVE_INFINITY;
		return isLent(until, Date.parse(this.#options.clock.now()), (performance.now() - since) / 1_000);
	}

	#untilOf(serial: string, namespace: string): string | undefined {
		const pins = this.#options.desks().get(namespace)?.spec.estop?.devices ?? [];
		return pins.find((pin) => pin.serial === serial)?.testUntil;
	}

	async #look(): Promise<void> {
		if (this.#looking) return;
		this.#looking = true;
		const before = [...this.#lent.keys()].join();
		this.#lent = await this.#find();
		if ([...this.#lent.keys()].join() !== before) this.#options.onChange();
		this.#looking = false;
	}

	async #find(): Promise<ReadonlyMap<string, number>> {
		const lent = new Map<string, number>();
		const now = performance.now();
		for (const [key, since] of this.#since) {
			// Longer than any test, so that a value that is known stays known while it could count.
			if (now - since > 10 * testSeconds * 1_000) this.#since.delete(key);
		}
		for (const [namespace, desk] of this.#options.desks()) {
			for (const { serial, testUntil } of desk.spec.estop?.devices ?? []) {
				if (testUntil === undefined) continue;
				const key = keyOf(serial, namespace);
				const known = `${key} ${testUntil}`;
				this.#since.set(known, this.#since.get(known) ?? now);
				if (!this.#isWithinTime(serial, namespace) || !this.#hasOtherDesk(serial, namespace)) continue;
				if (await this.#hasOtherDevice(serial, namespace)) lent.set(key, performance.now());
			}
		}
		return lent;
	}

	/** A press must raise somebody. */
	#hasOtherDesk(serial: string, namespace: string): boolean {
		return [...this.#options.desks()].some(
			([other, { spec }]) =>
				other !== namespace &&
				(spec.estop?.devices ?? []).some((pin) => pin.serial === serial && pin.testUntil === undefined),
		);
	}

	async #hasOtherDevice(serial: string, namespace: string): Promise<boolean> {
		const { estop } = this.#options.desks().get(namespace)?.spec ?? {};
		const others = (estop?.devices ?? []).filter(
			(pin) => pin.serial !== serial && pin.testUntil === undefined,
		);
		const timeout = estop?.heartbeatTimeoutSeconds ?? estopDefaults.heartbeatTimeoutSeconds;
		const armed = await Promise.all(others.map((pin) => this.#isArmed(pin.serial, timeout)));
		return armed.includes(true);
	}

	async #isArmed(serial: string, timeoutSeconds: number): Promise<boolean> {
		const { client, operatorNamespace, onError } = this.#options;
		const options = { deadlineMilliseconds: callMilliseconds } as const;
		try {
			const path = leasePath(operatorNamespace, estopLeaseName(serial));
			const { metadata } = await client.get<LeaseObject>(path, undefined, options);
			const { annotations = {}, resourceVersion } = metadata;
			const seen = this.#leases.get(serial);
			const now = performance.now();
			// What was never seen to move may be of yesterday.
			if (seen === undefined)
				this.#leases.set(serial, { resourceVersion, movedAt: Number.NEGATIVE_INFINITY });
			else if (seen.resourceVersion !== resourceVersion)
				this.#leases.set(serial, { resourceVersion, movedAt: now });
			const movedAt = this.#leases.get(serial)?.movedAt ?? Number.NEGATIVE_INFINITY;
			return (
				annotations[names.notArmed] === "" &&
				annotations[names.ended] !== "true" &&
				(annotations[names.testing] ?? "") === "" &&
				now - movedAt < Math.min(timeoutSeconds * 1_000, movedMilliseconds)
			);
		} catch (error) {
			onError("read-lease", error);
			return false;
		}
	}
}

const keyOf = (serial: string, namespace: string) => `${namespace} ${serial}`;
