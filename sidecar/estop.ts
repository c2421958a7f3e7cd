import { messageOf } from "../audit/error.ts";
import type { Happening } from "../audit/recorder.ts";
import { estopDefaults } from "../crds/defaults.ts";
import { EventRecorder } from "../kube/events.ts";
import { BotRaiser } from "./bots.ts";
import type { ButtonEvent } from "./button.ts";
import type { EstopContext } from "./context.ts";
import { Desks } from "./desks.ts";
import type { Device } from "./device.ts";
import { identityOf } from "./devices/pinned.ts";
import { DirectStopper } from "./direct-stopper.ts";
import { type DeskMap, desksOf, pinsOf } from "./pins.ts";
import { Presence } from "./presence.ts";
import { ProofTests } from "./proof-tests.ts";
import type { Raise } from "./raise.ts";
import * as entries from "./record.ts";
import { Rehearsal } from "./rehearsal.ts";
import { type Raised, Standing } from "./standing.ts";
import { Station } from "./station.ts";
import { reasons, tellDesks } from "./tell.ts";
import { Tripper } from "./tripper.ts";
import type { DeskRaise } from "./unshown.ts";

/** A raise that takes longer than this is not waited for with the news of the press. */
const momentMilliseconds = 100;

/** One sidecar: what happens at the devices of this machine raises the desks that pin them. */
export class Estop {
	readonly #context: EstopContext;
	readonly #desks: Desks;
	readonly #station: Station;
	readonly #tripper: Tripper;
	readonly #bots: BotRaiser;
	readonly #stopper: DirectStopper;
	readonly #standing: Standing;
	readonly #presence: Presence;
	readonly #rehearsal: Rehearsal;
	readonly #proofTests: ProofTests;
	readonly #events: EventRecorder;
	readonly #lastPress = new Map<string, string>();
	readonly #lastProofTest = new Map<string, string>();
	#problems: readonly string[] = [];

	constructor(context: EstopContext) {
		this.#context = context;
		const { client, apiServers, transport, profiles, resolve, keys, clock, log, metrics } = context;
		const failed = (where: string, facts: object, error: unknown) => {
			metrics.errors.inc({ where });
			log.warn({ ...facts, err: error }, `failed: ${where}`);
		};
		this.#events = new EventRecorder({
			client,
			reportingController: "tradingsafety.dev/estop",
			reportingInstance: context.identity.slice(0, 128),
			onLost: ({ reason }, error) => failed("event", { reason }, error),
		});
		this.#proofTests = new ProofTests({
			...{ client, clock, operatorNamespace: context.operatorNamespace },
			desks: () => this.#desks.all(),
			onChange: () => this.#lookAtAll(),
			onError: (where, error) => failed(where, {}, error),
		});
		this.#standing = new Standing({
			desks: () => this.#desks.all(),
			areDesksKnown: () => this.#desks.areAllKnown(),
			isThere: (serial) => this.#station.devices().some(({ info }) => info.serial === serial),
			isLent: (serial, namespace) => this.#proofTests.isLent(serial, namespace),
			now: () => clock.now(),
			raise: (namespace, raise) => this.#raise(namespace, raise),
		});
		this.#tripper = new Tripper(apiServers, {
			onShown: (namespace, raise, milliseconds, desk) => {
				const { mode, trip } = raise;
				context.unshown?.remove({ namespace, raise });
				metrics.shownSeconds.observe({ namespace }, milliseconds / 1_000);
				log.warn({ namespace, mode, trip: trip.id, milliseconds }, "the desk shows the raise");
				this.#record(() => [entries.shown({ namespace, raise }, desk, milliseconds)]);
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
			onOver: (namespace, mode, outcomes) => this.#record(() => entries.botsTold(namespace, mode, outcomes)),
		});
		this.#desks = new Desks({
			...{ client, apiServers },
			onChange: (namespace, desk, pods) => {
				this.#tripper.see(namespace, desk);
				this.#bots.see(namespace, desk, pods);
				// A desk that pins a device from now on is raised by what stands there now.
				this.#lookAtAll();
			},
			onAllKnown: () => {
				this.#lookAtAll();
				void this.#rehearsal.rehearse();
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
				this.#record(() => [entries.podDeleted(namespace, pod)]);
				this.#tell(
					this.#deskIn(namespace),
					"Warning",
					reasons.deleted,
					`pod ${pod.name}: nobody told it to stop`,
				);
			},
			onFailed: (namespace, pod, error) => failed("delete-pod", { namespace, pod: pod.name }, error),
		});
		this.#station = new Station({
			...{ transport, profiles },
			isExpected: (info) => identityOf(info, pinsOf(this.#desks.all())).kind !== "Unpinned",
			onListed: (found) => this.#standing.lookAround(found),
			onOpened: (device) => {
				const { serial, product, descriptorHash, path } = device.info;
				const { name: profile } = device.profile;
				log.info({ path, serial, product, descriptorHash, profile }, "device opened");
				this.#standing.look(device);
				this.#record(() => [entries.opened(device)]);
				this.#tell(this.#desksOf(device), "Normal", reasons.opened, `${serial} at ${path}`);
			},
			onEvent: (event, device) => this.#happened(event, device),
			onDamaged: ({ serial }, why) => metrics.damaged.inc({ serial, why }),
			onWriteFailed: ({ serial }, error) => failed("write-device", { serial }, error),
			onLost: (device, error) => {
				const { info } = device;
				this.#standing.forget(info.path);
				const desks = desksOf(info, this.#desks.all());
				this.#tell(desks, "Warning", reasons.gone, `${info.serial} is gone: a press of it raises nobody`);
				metrics.armed.set({ serial: info.serial }, 0);
				log.error({ path: info.path, serial: info.serial, err: error }, "the device is gone");
				this.#record(() => [entries.lost(device, messageOf(error))]);
				this.#presence.lost(device);
				context.onDeviceLost();
			},
			onProblems: (problems) => {
				this.#problems = problems;
				for (const problem of problems) log.error({ problem }, "a device cannot be used");
			},
		});
		this.#rehearsal = new Rehearsal({ ...context, desks: this.#desks });
		this.#presence = new Presence({
			...context,
			desks: this.#desks,
			devices: () => this.#station.devices(),
			isTripping: () => this.#tripper.isTripping(),
			refusalOf: (namespace) => this.#rehearsal.refusalOf(namespace),
			impostorsOf: (serial) => this.#standing.impostorsOf(serial),
			lastPress: (serial) => this.#lastPress.get(serial),
			lastProofTest: (serial) => this.#lastProofTest.get(serial),
			lentBy: (serial, desks) => this.#proofTests.lentBy(serial, desks),
		});
	}

	start(): void {
		this.#desks.start();
		this.#station.start();
		this.#presence.start();
		this.#rehearsal.start();
		this.#proofTests.start();
	}

	/** Raises once more what a process before this one asked for and never saw at the desk. */
	repeat(left: readonly DeskRaise[]): void {
		for (const { namespace, raise } of left) {
			const { mode, trip } = raise;
			this.#context.log.error({ namespace, mode, trip }, "left by a sidecar before: raising again");
			void this.#raise(namespace, raise, true);
		}
	}

	/** Why a press may not get through, one line each; none: all that is here is armed. */
	problems(): readonly string[] {
		const hasBots = [...this.#desks.all().values()].some(({ spec }) =>
			(spec.targets ?? []).some(({ signal }) => signal !== undefined),
		);
		const keyProblem = this.#context.keys.problem();
		return [
			...this.#problems,
			...(hasBots && keyProblem !== undefined ? [`bots cannot be told straight: ${keyProblem}`] : []),
			...this.#presence.problems(),
		];
	}

	/** Ends it on purpose, which its Leases say. */
	async stop(): Promise<void> {
		this.#rehearsal.stop();
		await this.#presence.stop();
		this.#proofTests.stop();
		this.#tripper.stop();
		this.#stopper.stop();
		await this.#station.stop();
		await this.#desks.stop();
		await this.#bots.stop();
		await this.#events.stop({ deadlineMilliseconds: 500 });
	}

	#happened(event: ButtonEvent, device: Device): void {
		if (event.kind !== "Pressed") afterWriting(() => this.#presence.changed(device));
		const { serial, path } = device.info;
		const { metrics, log } = this.#context;
		switch (event.kind) {
			case "Pressed":
				this.#pressed(device);
				return;
			case "Released":
				this.#standing.end(path, "Button");
				log.info({ serial, path }, "released");
				this.#record(() => [entries.released(device)]);
				this.#tell(this.#desksOf(device), "Normal", reasons.released, `${serial}, pressed before`);
				return;
			case "FaultBegan":
				this.#record(() => [entries.faultBegan(device, event.fault)]);
				this.#standing.look(device);
				metrics.fault.set({ serial, fault: event.fault }, 1);
				afterWriting(() => {
					log.error({ serial, path, fault: event.fault }, "fault");
					this.#tell(this.#desksOf(device), "Warning", reasons.fault, `${serial}: ${event.fault}`);
				});
				return;
			case "FaultEnded":
				this.#standing.end(path, event.fault);
				metrics.fault.set({ serial, fault: event.fault }, 0);
				log.info({ serial, path, fault: event.fault }, "fault over");
				this.#record(() => [entries.faultEnded(device, event.fault)]);
				this.#tell(this.#desksOf(device), "Normal", reasons.faultEnded, `${serial}: ${event.fault}`);
		}
	}

	/** What stands is raised at every desk that pins it, before anything else takes time. */
	#pressed(device: Device): void {
		const { serial, path } = device.info;
		const { metrics, log, clock } = this.#context;
		// As they are before this very press changes them: that tells whether it is a test.
		const before = this.#desks.all();
		let press: entries.Press = { raised: [], isProof: false, lentBy: [] };
		// Before what it leads to.
		this.#record(() => [entries.pressed(device, press)]);
		const raised = this.#standing.look(device);
		afterWriting(() => {
			const at = clock.now();
			const desks = desksOf(device.info, before);
			const isProof = this.#proofTests.isProof(serial, desks);
			press = { raised, isProof, lentBy: this.#proofTests.lentBy(serial, desks) };
			this.#lastPress.set(serial, at);
			metrics.presses.inc({ serial });
			log.warn({ serial, path, isProof }, "pressed");
			afterRaising(raised, () => {
				this.#presence.changed(device);
				this.#tell(desks, "Warning", reasons.pressed, `${serial} at ${at}`);
			});
			if (!isProof) return;
			void Promise.all(raised.map(({ shown }) => shown)).then(() => {
				this.#lastProofTest.set(serial, at);
				this.#record(() => [entries.cameThrough(device, press)]);
				log.info({ serial }, "the press was a proof test, and came through");
				this.#tell(desks, "Normal", reasons.proofTest, `${serial} at ${at}`);
			});
		});
	}

	#tell(desks: DeskMap, type: "Normal" | "Warning", reason: string, note: string): void {
		tellDesks(this.#events, desks, { type, reason, note });
	}

	#desksOf({ info }: Device): DeskMap {
		return desksOf(info, this.#desks.all());
	}

	#deskIn(namespace: string): DeskMap {
		return new Map([...this.#desks.all()].filter(([name]) => name === namespace));
	}

	#lookAtAll(): void {
		for (const device of this.#station.devices()) this.#standing.look(device);
	}

	/** `again`: a process before this one asked for it already. */
	#raise(namespace: string, raise: Raise, again = false): Raised {
		const shown = this.#tripper.raise(namespace, raise);
		const known = this.#desks.all().get(namespace);
		afterWriting(() => {
			this.#context.unshown?.add({ namespace, raise });
			const { mode, trip } = raise;
			const { directStopAfterSeconds } = { ...estopDefaults, ...known?.spec.estop };
			this.#bots.raise(namespace, mode);
			this.#stopper.begin(namespace, mode, directStopAfterSeconds);
			this.#presence.sound();
			this.#context.log.warn({ namespace, mode, trip }, "raising");
			if (trip.type !== "Impostor") return;
			this.#context.metrics.impostors.inc({ namespace });
			const note = `${trip.source} is in the place of ${trip.detail?.pinned}: ${trip.detail?.differs} differ`;
			this.#tell(this.#deskIn(namespace), "Warning", reasons.impostor, note);
		});
		this.#record(() => [entries.raising({ namespace, raise }, known, again)]);
		return { namespace, raise, shown };
	}

	/** Records what happened, in the order of these calls, when desks and bots have been told: to sign and to write takes a while. */
	#record(make: () => readonly Happening[]): void {
		const { recording } = this.#context;
		if (recording === undefined) return;
		afterWriting(() =>
			afterWriting(() => {
				for (const happening of make()) recording.record(happening);
			}),
		);
	}
}

/**
 * When the bytes of a patch that was asked for in this turn are on their way: undici writes to an idle socket in the next
 * check phase, after what was scheduled for it before. Nothing else is to take time until then.
 */
function afterWriting(act: () => void): void {
	setImmediate(() => setImmediate(act));
}

/**
 * When these raises are at their desks, or a moment after: what the API server is told of a press beside them waits, since etcd
 * would write it to its disk before them.
 */
function afterRaising(raised: readonly Raised[], act: () => void): void {
	const moment = new Promise((resolve) => setTimeout(resolve, momentMilliseconds));
	void Promise.race([Promise.all(raised.map(({ shown }) => shown)), moment]).then(act);
}
