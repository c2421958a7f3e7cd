import type { HidInterface, Write } from "../devices/profile.ts";
import { SidecarError } from "../error.ts";
import type { HidHandle, HidHooks, HidTransport } from "../transport.ts";

/** A device that exists in memory only: whoever holds it plays its firmware. */
export class VirtualDevice {
	readonly info: HidInterface;
	/** What hosts have written, in order. */
	readonly written: Write[] = [];
	/** Told of each write, as the firmware is. */
	onWrite: (write: Write) => void = () => {};
	/** What it answers when a feature report is read. */
	readFeature: (id: number, length: number) => Uint8Array = (_id, length) => new Uint8Array(length);
	/** What goes wrong with each write, if anything. */
	writeFails: Error | undefined;
	/** What goes wrong when somebody opens it, if anything. */
	openFails: SidecarError | undefined;
	readonly #readers = new Set<HidHooks>();

	constructor(info: HidInterface) {
		this.info = info;
	}

	/** Sends a report to all who have it open. */
	report(bytes: Uint8Array): void {
		for (const { onReport } of this.#readers) onReport(bytes);
	}

	/** Tells all who have it open that it is gone. */
	lose(why: string): void {
		const readers = [...this.#readers];
		this.#readers.clear();
		for (const { onLost } of readers) onLost(new SidecarError("LOST", why));
	}

	/** How many have it open. */
	get readers(): number {
		return this.#readers.size;
	}

	open(hooks: HidHooks): HidHandle {
		if (this.openFails !== undefined) throw this.openFails;
		this.#readers.add(hooks);
		return {
			write: async (write) => {
				if (this.writeFails !== undefined) throw this.writeFails;
				this.written.push(write);
				this.onWrite(write);
			},
			readFeature: async (id, length) => this.readFeature(id, length),
			close: async () => {
				this.#readers.delete(hooks);
			},
		};
	}
}

/** A transport to devices that are plugged in by a call: for tests, and where there is no hardware. */
export class VirtualTransport implements HidTransport {
	readonly #devices = new Map<string, VirtualDevice>();
	readonly #watchers = new Set<() => void>();

	/** Plugs one in. */
	plug(info: HidInterface): VirtualDevice {
		const device = new VirtualDevice(info);
		this.#devices.set(info.path, device);
		this.#tell();
		return device;
	}

	/** Pulls one out. */
	unplug(device: VirtualDevice): void {
		if (this.#devices.get(device.info.path) === device) this.#devices.delete(device.info.path);
		device.lose(`${device.info.path} was unplugged`);
		this.#tell();
	}

	async list(): Promise<readonly HidInterface[]> {
		return [...this.#devices.values()].map(({ info }) => info);
	}

	async open({ path }: HidInterface, hooks: HidHooks): Promise<HidHandle> {
		const device = this.#devices.get(path);
		if (device === undefined) throw new SidecarError("OPEN", `${path}: there is no such device`);
		return device.open(hooks);
	}

	watch(onChange: () => void): () => void {
		this.#watchers.add(onChange);
		return () => this.#watchers.delete(onChange);
	}

	#tell(): void {
		for (const onChange of this.#watchers) onChange();
	}
}
