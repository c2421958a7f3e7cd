import { estopDefaults } from "../crds/defaults.ts";
import type { EstopContext } from "./context.ts";
import { deskViewOf } from "./desk-view.ts";
import type { Desks } from "./desks.ts";
import type { Device } from "./device.ts";
import { indicationOf } from "./indicator.ts";
import { renewLease } from "./lease.ts";
import { type DeskMap, desksOf, pinsOf } from "./pins.ts";
import { armedOrNot, silenced } from "./record.ts";

/** What {@link Presence} looks at. */
export type PresenceOptions = Pick<
	EstopContext,
	"client" | "log" | "metrics" | "recording" | "operatorNamespace" | "identity"
> & {
	readonly desks: Pick<Desks, "all" | "isReached" | "isCurrent">;
	/** Those that are open. */
	readonly devices: () => readonly Device[];
	readonly isTripping: () => boolean;
	/** Why a desk would refuse a raise; undefined: it would not, as far as anybody knows. */
	readonly refusalOf: (namespace: string) => string | undefined;
	/** Where something is that claims to be the device of this serial. */
	readonly impostorsOf: (serial: string) => readonly string[];
	/** RFC 3339, by serial. */
	readonly lastPress: (serial: string) => string | undefined;
	/** RFC 3339, by serial; undefined: none since this process began. */
	readonly lastProofTest: (serial: string) => string | undefined;
	/** Those of these desks that a press of this device does not raise now, since it is tested. */
	readonly lentBy: (serial: string, desks: DeskMap) => readonly string[];
};

/** What a Lease says beside what the device shows: its sidecar ends on purpose, or the device was pulled out. */
type How = { readonly ended: boolean; readonly isGone: boolean };

const showMilliseconds = 100;
const leaseMilliseconds = 1_000;
/** Leases are written each second, and a call takes 2 s at most: longer than this apart, some were not answered. */
const answeredMilliseconds = 3_000;
/** An API server that lets Leases be written and no desks be read for so long does not let a press through. */
const unreadMilliseconds = 4_000;

/** Says how the devices of this machine are: by their lights, by their Leases, and to whoever asks this process. */
export class Presence {
	readonly #options: PresenceOptions;
	readonly #timers: NodeJS.Timeout[] = [];
	#renewing = false;
	#hasEnded = false;
	/** By serial: the writes of its Lease that are under way, one after the other, and how many wait. */
	readonly #writes = new Map<string, { last: Promise<void>; waiting: number }>();
	/** By serial: what was written last to silence its buzzer. */
	readonly #silences = new Map<string, string>();
	#isSilenced = false;
	/** By serial: whether it was armed when it was last looked at. */
	readonly #wasArmed = new Map<string, boolean>();
	#told: readonly string[] = [];
	/** When a Lease was written last, and since when all were that were to be. */
	#answered = { since: Number.NEGATIVE_INFINITY, at: Number.NEGATIVE_INFINITY };

	constructor(options: PresenceOptions) {
		this.#options = options;
	}

	start(): void {
		const every = (milliseconds: number, act: () => void) =>
			this.#timers.push(setInterval(act, milliseconds));
		every(showMilliseconds, () => this.#show());
		every(leaseMilliseconds, () => void this.#renewAll(false));
		every(leaseMilliseconds, () => this.#tellProblems());
	}

	/** The Leases say last that this was on purpose. */
	async stop(): Promise<void> {
		for (const timer of this.#timers) clearInterval(timer);
		const said = this.#renewAll(true);
		this.#hasEnded = true;
		await said;
	}

	/** Something has happened at a device: its Lease says so now, not at its next turn. */
	changed(device: Device): void {
		if (this.#desksOf(device).size > 0) void this.#renew(device, { ended: false, isGone: false });
	}

	/** A device is gone: its Lease says so at once, nobody has to wait until it is silent for too long. */
	lost(device: Device): void {
		this.#wasArmed.delete(device.info.serial);
		if (this.#desksOf(device).size > 0) void this.#renew(device, { ended: false, isGone: true });
	}

	/** Something is raised: whoever has silenced the buzzer has not heard of this. */
	sound(): void {
		this.#isSilenced = false;
	}

	/** Why a press may not get through, one line each; none: all that is here is armed. */
	problems(): readonly string[] {
		const pinned = this.#pinned();
		if (pinned.length === 0) return [`no device here is pinned by a desk: ${this.#remedy()}`];
		return pinned.flatMap((device) => this.#notArmed(device).map((why) => `${device.info.serial}: ${why}`));
	}

	#remedy(): string {
		const here = this.#options.devices().map(({ info }) => `${info.serial} (${info.product})`);
		if (here.length > 0) return `name one of these in spec.estop.devices: ${here.join(", ")}`;
		const wanted = [...new Set(pinsOf(this.#options.desks.all()).map(({ serial }) => serial))];
		return `there is none that can be used, plug in ${wanted.length > 0 ? wanted.join(" or ") : "one"}`;
	}

	#tellProblems(): void {
		const problems = this.problems();
		if (problems.join() === this.#told.join()) return;
		this.#told = problems;
		if (problems.length > 0) this.#options.log.error({ problems }, "a press may not get through");
		else this.#options.log.info("a press would get through");
	}

	#desksOf({ info }: Device): DeskMap {
		return desksOf(info, this.#options.desks.all());
	}

	#pinned(): readonly Device[] {
		return this.#options.devices().filter((device) => this.#desksOf(device).size > 0);
	}

	/** Why a press of it may not get through. */
	#notArmed(device: Device, isReached = this.#options.desks.isReached()): readonly string[] {
		const refused = [...this.#desksOf(device).keys()].flatMap((namespace) => {
			const why = this.#options.refusalOf(namespace);
			return why === undefined ? [] : [`desk ${namespace} would refuse a raise: ${why}`];
		});
		return [
			...device.state.faults,
			...this.#options.impostorsOf(device.info.serial).map((path) => `${path} claims to be it: unplug that`),
			...(device.profile.abilities.button ? [] : ["it has no button"]),
			...(isReached ? [] : ["no API server answers"]),
			...refused,
		];
	}

	#show(): void {
		const { desks, devices, isTripping, metrics, recording, lentBy } = this.#options;
		const isRecordLate = recording?.state().late === true;
		let isSounding = false;
		const pinned = this.#pinned();
		for (const device of devices()) {
			// What has lights alone shows how the buttons beside it are.
			const shownFor = device.profile.abilities.button ? [device] : pinned;
			const shown = new Map(shownFor.flatMap((one) => [...this.#desksOf(one)]));
			const armed = shownFor.length > 0 && shownFor.every((one) => this.#notArmed(one).length === 0);
			const views = [...shown].map(([namespace, desk]) => {
				const view = deskViewOf(desk, desks.isCurrent(namespace));
				return { ...view, auditBehind: view.auditBehind || isRecordLate };
			});
			const tripping = isTripping();
			const tested = shownFor.some((one) => lentBy(one.info.serial, this.#desksOf(one)).length > 0);
			const panel = { desks: views, tripping, armed, tested };
			isSounding ||= indicationOf({ ...panel, silenced: false }).buzzer;
			device.show(indicationOf({ ...panel, silenced: this.#isSilenced }));
			metrics.armed.set({ serial: device.info.serial }, armed && shown.size > 0 ? 1 : 0);
			if (pinned.includes(device)) this.#recordArmed(device);
		}
		if (!isSounding) this.#isSilenced = false;
	}

	/** Records that it is armed from now on, or is not. */
	#recordArmed(device: Device): void {
		const { serial } = device.info;
		const notArmed = this.#notArmed(device);
		const isArmed = notArmed.length === 0;
		if (this.#wasArmed.get(serial) === isArmed) return;
		this.#wasArmed.set(serial, isArmed);
		this.#options.recording?.record(armedOrNot(device, notArmed));
	}

	async #renewAll(ended: boolean): Promise<void> {
		if (this.#renewing && !ended) return;
		this.#renewing = true;
		await Promise.all(this.#pinned().map((device) => this.#renew(device, { ended, isGone: false })));
		this.#renewing = false;
	}

	/** One write after the other: what is said last is what stays. */
	#renew(device: Device, how: How): Promise<void> {
		const { serial } = device.info;
		// A press just before the end is told of a moment later.
		if (this.#hasEnded) return Promise.resolve();
		const writes = this.#writes.get(serial) ?? { last: Promise.resolve(), waiting: 0 };
		this.#writes.set(serial, writes);
		// The one that waits says how the device is by then.
		if (writes.waiting > 0 && !how.ended && !how.isGone) return writes.last;
		writes.waiting += 1;
		writes.last = writes.last.then(() => {
			writes.waiting -= 1;
			return this.#write(device, how);
		});
		return writes.last;
	}

	async #write(device: Device, { ended, isGone }: How): Promise<void> {
		const { client, operatorNamespace, identity: holder, metrics, log, recording } = this.#options;
		const { lastPress, lastProofTest, lentBy } = this.#options;
		const { serial } = device.info;
		const desks = this.#desksOf(device);
		const timeouts = [...desks.values()].map(
			({ spec }) => spec.estop?.heartbeatTimeoutSeconds ?? estopDefaults.heartbeatTimeoutSeconds,
		);
		const pressedAt = lastPress(serial);
		const testedAt = lastProofTest(serial);
		// A server that hangs takes what it was told when it goes on, and nobody is to read then that it does not answer; desks
		// are read again a moment later. One that goes on answering this and does not let desks be read is told so.
		const isReached = this.#options.desks.isReached() || !this.#isAnsweredAlone();
		try {
			const silence = await renewLease(client, operatorNamespace, device, {
				...{ holder, ended, notArmed: isGone ? ["it is unplugged"] : this.#notArmed(device, isReached) },
				heartbeatSeconds: Math.min(...timeouts),
				testing: lentBy(serial, desks),
				...(recording !== undefined && { record: recording.state().text }),
				...(pressedAt !== undefined && { lastPress: pressedAt }),
				...(testedAt !== undefined && { lastProofTest: testedAt }),
			});
			this.#noteAnswer(performance.now());
			this.#heed(serial, silence ?? "");
		} catch (err) {
			metrics.errors.inc({ where: "lease" });
			log.warn({ serial, err }, "could not say how the device is");
		}
	}

	#noteAnswer(now: number): void {
		const isFirst = now - this.#answered.at >= answeredMilliseconds;
		this.#answered = { since: isFirst ? now : this.#answered.since, at: now };
	}

	/** True where Leases are written for so long already that desks would have been read, could they be. */
	#isAnsweredAlone(): boolean {
		const { since, at } = this.#answered;
		const now = performance.now();
		return now - at < answeredMilliseconds && now - since >= unreadMilliseconds;
	}

	/** What was there before this process began silences nothing. */
	#heed(serial: string, silence: string): void {
		const before = this.#silences.get(serial);
		this.#silences.set(serial, silence);
		if (before === undefined || before === silence || silence === "") return;
		this.#isSilenced = true;
		this.#options.recording?.record(silenced(serial, silence));
		this.#options.log.warn({ serial, silence }, "the buzzer is silenced until something is raised again");
	}
}
