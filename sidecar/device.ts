import { type ButtonEvent, type ButtonState, buttonAfter, freshButton } from "./button.ts";
import type { HidInterface, Indication, Profile } from "./devices/profile.ts";
import { Lights } from "./lights.ts";
import type { HidHandle, HidTransport } from "./transport.ts";

/** What {@link Device} needs and tells. None of these may throw. */
export type DeviceOptions = {
	readonly transport: HidTransport;
	readonly info: HidInterface;
	readonly profile: Profile;
	/** Called in the turn of the loop in which the report came in. */
	readonly onEvent: (event: ButtonEvent, device: Device) => void;
	/** A report was damaged; the button goes on. */
	readonly onDamaged: (why: string) => void;
	/** A write failed; the next one is tried all the same. */
	readonly onWriteFailed: (error: unknown) => void;
	/** It is gone: this object is of no use any more. Told once, unless it was closed. */
	readonly onLost: (error: unknown) => void;
};

/** How often time is looked at: a release is a matter of 50 ms, silence of 300. */
const tickMilliseconds = 25;
const rhythmMilliseconds = 250;
/** Later than this, and the process itself was held up: reports may be waiting. */
const lateMilliseconds = 100;

/** One open device: reads what its button says, and shows what it is told to show. */
export class Device {
	readonly info: HidInterface;
	readonly profile: Profile;
	readonly #options: DeviceOptions;
	#state: ButtonState;
	#handle: HidHandle | undefined;
	#isOver = false;
	#timers: NodeJS.Timeout[] = [];
	readonly #lights: Lights;
	#asking = false;
	#tickedAt = performance.now();

	private constructor(options: DeviceOptions) {
		this.#options = options;
		this.info = options.info;
		this.profile = options.profile;
		this.#state = freshButton(performance.now());
		this.#lights = new Lights({
			profile: options.profile,
			write: async (write) => this.#handle?.write(write),
			onFailed: options.onWriteFailed,
		});
	}

	/** Opens it and begins to read. @throws SidecarError `OPEN` */
	static async open(options: DeviceOptions): Promise<Device> {
		const device = new Device(options);
		const handle = await options.transport.open(options.info, {
			onReport: (report) => device.#take(report),
			onLost: (error) => device.#lose(error),
		});
		device.#handle = handle;
		if (!device.#isOver) device.#begin();
		return device;
	}

	/** What its reports have shown so far. */
	get state(): ButtonState {
		return this.#state;
	}

	/** True once it is gone or closed. */
	get isOver(): boolean {
		return this.#isOver;
	}

	/** From now on it shows this. */
	show(indication: Indication): void {
		this.#lights.show(indication);
	}

	/** Ends reading. Whoever closes it decides what it shows last. */
	async close(): Promise<void> {
		this.#end();
		await this.#handle?.close();
	}

	#begin(): void {
		const every = (milliseconds: number, act: () => void) =>
			this.#timers.push(setInterval(act, milliseconds));
		const { start = [], poll, encode } = this.profile;
		for (const write of start) this.#handle?.write(write).catch(this.#options.onWriteFailed);
		every(tickMilliseconds, () => this.#tick());
		if (poll !== undefined) every(poll.everyMilliseconds, () => void this.#ask());
		if (encode !== undefined) every(rhythmMilliseconds, () => this.#lights.tick());
	}

	/** A turn that comes late says nothing of the device: what it has sent meanwhile is read before the next one. */
	#tick(): void {
		const now = performance.now();
		const isLate = now - this.#tickedAt > lateMilliseconds;
		this.#tickedAt = now;
		if (!isLate) this.#step({ kind: "Tick" });
	}

	#take(report: Uint8Array): void {
		if (this.#isOver || this.profile.decode === undefined) return;
		const said = this.profile.decode(report);
		if (said.kind === "Malformed") this.#options.onDamaged(said.why);
		this.#step(said);
	}

	#step(input: Parameters<typeof buttonAfter>[1]): void {
		if (this.#isOver) return;
		const { staleAfterMilliseconds } = this.profile;
		const { state, events } = buttonAfter(this.#state, input, performance.now(), staleAfterMilliseconds);
		this.#state = state;
		for (const event of events) this.#options.onEvent(event, this);
	}

	async #ask(): Promise<void> {
		const { poll } = this.profile;
		// A device that is slower than its clock is not asked twice at once.
		if (poll === undefined || this.#asking || this.#handle === undefined) return;
		this.#asking = true;
		try {
			if (poll.request !== undefined) await this.#handle.write(poll.request);
			if (poll.feature !== undefined) {
				this.#take(await this.#handle.readFeature(poll.feature.id, poll.feature.length));
			}
		} catch (error) {
			if (!this.#isOver) this.#options.onWriteFailed(error);
		} finally {
			this.#asking = false;
		}
	}

	#lose(error: unknown): void {
		if (this.#isOver) return;
		this.#end();
		this.#options.onLost(error);
	}

	#end(): void {
		this.#isOver = true;
		this.#lights.stop();
		for (const timer of this.#timers) clearInterval(timer);
	}
}
