import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { estopDefaults } from "../crds/spec.ts";
import type { Mode } from "../crds/vocabulary.ts";
import type { Resolve } from "../gates/address.ts";
import type { Client } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import { BotRaiser } from "./bots.ts";
import type { ButtonEvent, Fault } from "./button.ts";
import { Desks } from "./desks.ts";
import type { Device } from "./device.ts";
import { identityOf } from "./devices/pinned.ts";
import type { HidInterface, Profile } from "./devices/profile.ts";
import { DirectStopper } from "./direct-stopper.ts";
import type { Metrics } from "./metrics.ts";
import { pinsOf } from "./pins.ts";
import { Presence } from "./presence.ts";
import type { Raise } from "./raise.ts";
import type { RaiseKeys } from "./raise-keys.ts";
import { Station } from "./station.ts";
import type { HidTransport } from "./transport.ts";
import { Tripper } from "./tripper.ts";

/** What {@link Estop} works with. */
export type EstopContext = {
	/** For watches and for what is not urgent. */
	readonly client: Client;
	/** One for each API server, the nearest first. */
	readonly apiServers: readonly Client[];
	readonly transport: HidTransport;
	readonly profiles: readonly Profile[];
	readonly resolve: Resolve;
	readonly keys: Pick<RaiseKeys, "signing" | "problem">;
	readonly clock: Pick<Clock, "now">;
	readonly log: Logger;
	readonly metrics: Metrics;
	/** Where the Leases of devices are. */
	readonly operatorNamespace: string;
	/** Of this process, in the Leases. */
	readonly identity: string;
};

/** The faults that raise by themselves; the others make a device count as lost. */
const tampering: readonly Fault[] = ["Tampered", "Discrepancy"];

/** One sidecar: what happens at the devices of this machine raises the desks that pin them. */
export class Estop {
	readonly #context: EstopContext;
	readonly #desks: Desks;
	readonly #station: Station;
	readonly #tripper: Tripper;
	readonly #bots: BotRaiser;
	readonly #stopper: DirectStopper;
	/** By device and desk: what stands and was raised already. It is raised again when it has ended and begins anew. */
	readonly #raised = new Map<string, Set<string>>();
	readonly #presence: Presence;
	readonly #lastPress = new Map<string, string>();
	/** Serials of pinned devices that were open in this process. */
	readonly #seenHere = new Set<string>();
	#problems: readonly string[] = [];

	constructor(context: EstopContext) {
		this.#context = context;
		const { client, apiServers, transport, profiles, resolve, keys, clock, log, metrics } = context;
		const failed = (where: string, facts: object, error: unknown) => {
			metrics.errors.inc({ where });
			log.warn({ ...facts, err: error }, `failed: ${where}`);
		};
		this.#tripper = new Tripper(apiServers, {
			onShown: (namespace, { mode, trip }, milliseconds) => {
				metrics.shownSeconds.observe({ namespace }, milliseconds / 1_000);
				log.warn({ namespace, mode, trip: trip.id, milliseconds }, "the desk shows the raise");
			},
			onFailed: (namespace, { trip }, server, error) =>
				failed("raise", { namespace, trip: trip.id, server: server.origin }, error),
		});
		this.#bots = new BotRaiser({
			...{ keys: keys.signing, resolve, now: () => Date.parse(clock.now()) },
			onAcknowledged: (namespace, pod, milliseconds) => {
				metrics.toldSeconds.observe({ namespace }, milliseconds / 1_000);
				log.info({ namespace, pod: pod.name, milliseconds }, "the bot acknowledges");
			},
			onFailed: (namespace, pod, error) => failed("tell-bot", { namespace, pod: pod.name }, error),
		});
		this.#desks = new Desks({
			...{ client, apiServers },
			onChange: (namespace, desk, pods) => {
				this.#tripper.see(namespace, desk);
				this.#bots.see(namespace, desk, pods);
				// A desk that pins a device from now on is raised by what stands there now.
				for (const device of this.#station.devices()) this.#look(device);
			},
			onError: (where, error) => failed(where, {}, error),
		});
		this.#stopper = new DirectStopper({
			client,
			desk: (namespace) => this.#desks.all().get(namespace),
			pods: (namespace) => this.#desks.podsOf(namespace),
			onDeleted: (namespace, pod) => {
				metrics.deleted.inc({ namespace });
				log.error({ namespace, pod: pod.name }, "nobody told the pod to stop: deleted");
			},
			onFailed: (namespace, pod, error) => failed("delete-pod", { namespace, pod: pod.name }, error),
		});
		this.#station = new Station({
			...{ transport, profiles },
			isExpected: (info) => identityOf(info, pinsOf(this.#desks.all())).kind !== "Unpinned",
			onOpened: (device) => {
				const { serial, product, descriptorHash, path } = device.info;
				log.info({ path, serial, product, descriptorHash, profile: device.profile.name }, "device opened");
				this.#look(device);
			},
			onEvent: (event, device) => this.#happened(event, device),
			onDamaged: ({ serial }, why) => metrics.damaged.inc({ serial, why }),
			onWriteFailed: ({ serial }, error) => failed("write-device", { serial }, error),
			onLost: ({ info }, error) => {
				this.#forget(info.path);
				metrics.armed.set({ serial: info.serial }, 0);
				log.error({ path: info.path, serial: info.serial, err: error }, "the device is gone");
			},
			onProblems: (problems) => {
				this.#problems = problems;
				for (const problem of problems) log.error({ problem }, "a device cannot be used");
			},
		});
		this.#presence = new Presence({
			...context,
			desks: this.#desks,
			devices: () => this.#station.devices(),
			isTripping: () => this.#tripper.isTripping(),
			lastPress: (serial) => this.#lastPress.get(serial),
		});
	}

	start(): void {
		this.#desks.start();
		this.#station.start();
		this.#presence.start();
	}

	/** Why a press may not get through, one line each; none: all that is here is armed. */
	problems(): readonly string[] {
		return [...this.#problems, ...this.#presence.problems()];
	}

	/** Ends it on purpose, which its Leases say. */
	async stop(): Promise<void> {
		await this.#presence.stop();
		this.#tripper.stop();
		this.#stopper.stop();
		await this.#station.stop();
		await this.#desks.stop();
		await this.#bots.stop();
	}

	#happened(event: ButtonEvent, device: Device): void {
		const { serial, path } = device.info;
		const { metrics, log, clock } = this.#context;
		switch (event.kind) {
			case "Pressed":
				// What stands is raised at every desk that pins it.
				this.#look(device);
				this.#lastPress.set(serial, clock.now());
				metrics.presses.inc({ serial });
				setImmediate(() => log.warn({ serial, path }, "pressed"));
				return;
			case "Released":
				this.#end(path, "Button");
				log.info({ serial, path }, "released");
				return;
			case "FaultBegan":
				this.#look(device);
				metrics.fault.set({ serial, fault: event.fault }, 1);
				setImmediate(() => log.error({ serial, path, fault: event.fault }, "fault"));
				return;
			case "FaultEnded":
				this.#end(path, event.fault);
				metrics.fault.set({ serial, fault: event.fault }, 0);
				log.info({ serial, path, fault: event.fault }, "fault over");
		}
	}

	/** Raises each desk by what stands at a device and was not raised there yet. */
	#look({ info, state }: Device): void {
		const identity = identityOf(info, pinsOf(this.#desks.all()));
		switch (identity.kind) {
			case "Unpinned":
				return;
			case "Impostor":
				for (const { pin, differs } of identity.of) {
					if (!this.#takesPlace(pin.serial, differs)) continue;
					this.#raiseOnce(info, pin.namespace, "Impostor", { pinned: pin.serial, differs: differs.join() });
				}
				return;
			case "Pinned":
				this.#seenHere.add(info.serial);
				for (const { namespace } of identity.pins) {
					if (state.pressed) this.#raiseOnce(info, namespace, "Button", undefined);
					for (const fault of tampering) {
						if (state.faults.includes(fault)) this.#raiseOnce(info, namespace, fault, undefined);
					}
				}
		}
	}

	/** Another one of the same kind may be anybody's spare, unless the pinned one was here and is gone. */
	#takesPlace(serial: string, differs: readonly string[]): boolean {
		const isThere = this.#station.devices().some(({ info }) => info.serial === serial);
		return !differs.includes("serial") || (this.#seenHere.has(serial) && !isThere);
	}

	#raiseOnce(
		info: HidInterface,
		namespace: string,
		what: Fault | "Button" | "Impostor",
		detail: Readonly<Record<string, string>> | undefined,
	): void {
		const key = keyOf(info.path, what);
		const raised = this.#raised.get(key) ?? new Set();
		if (raised.has(namespace)) return;
		this.#raised.set(key, raised.add(namespace));
		const estop = { ...estopDefaults, ...this.#desks.all().get(namespace)?.spec.estop };
		const mode: Mode = what === "Button" ? estop.onPress : estop.onTamper;
		if (mode === "Normal") return;
		const raise: Raise = {
			mode,
			trip: {
				id: randomUUID(),
				source: info.serial.slice(0, 256),
				at: this.#context.clock.now(),
				type: what,
				...(detail !== undefined && { detail }),
			},
		};
		void this.#tripper.raise(namespace, raise);
		// Its bytes are on their way before anything else takes time.
		setImmediate(() => {
			this.#bots.raise(namespace, mode);
			this.#stopper.begin(namespace, mode, estop.directStopAfterSeconds);
			this.#context.log.warn({ namespace, mode, trip: raise.trip }, "raising");
		});
	}

	/** What ended may begin anew. */
	#end(path: string, what: Fault | "Button"): void {
		this.#raised.delete(keyOf(path, what));
	}

	#forget(path: string): void {
		for (const key of this.#raised.keys()) if (key.startsWith(`${path} `)) this.#raised.delete(key);
	}
}

const keyOf = (path: string, what: string) => `${path} ${what}`;
