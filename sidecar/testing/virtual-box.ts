import {
	atRest,
	type BoxContacts,
	descriptorHash,
	encodeReport,
	pressedDown,
	readOutput,
} from "../devices/estop-box-wire.ts";
import type { HidInterface, Indication } from "../devices/profile.ts";
import type { VirtualDevice } from "./virtual-transport.ts";

const heartbeatMilliseconds = 100;
const deadManMilliseconds = 2_000;

/** A reference box as the system lists it. */
export function boxInfo(serial: string, path = `/dev/virtual-${serial}`): HidInterface {
	return {
		...{ path, serial, descriptorHash, product: "E-Stop Box" },
		...{ vendorId: 0x1209, productId: 1, usagePage: 0xff00, usage: 1, intervalMilliseconds: 1, speed: 12 },
	};
}

/** The firmware of a reference box: reports each change at once and its contacts every 100 ms, and has a dead-man. */
export class VirtualBox {
	readonly #device: Pick<VirtualDevice, "report" | "onWrite">;
	#contacts: BoxContacts = atRest;
	#sequence = 0;
	#startedAt = performance.now();
	#told: { readonly indication: Indication; readonly at: number } | undefined;
	#timer: NodeJS.Timeout | undefined;

	constructor(device: Pick<VirtualDevice, "report" | "onWrite">) {
		this.#device = device;
		device.onWrite = ({ data }) => {
			// Without the report id.
			const output = readOutput(data.subarray(1));
			if (output !== undefined) this.#told = { indication: output.indication, at: performance.now() };
		};
		this.resume();
	}

	/** Pushes the button down: it latches. */
	press(): void {
		this.set(pressedDown);
	}

	/** Turns it free again. */
	release(): void {
		this.set(atRest);
	}

	/** True while it is down. */
	get isPressed(): boolean {
		return !this.#contacts.aClosed;
	}

	/** Moves its contacts. */
	set(contacts: Partial<BoxContacts>): void {
		this.#contacts = { ...this.#contacts, ...contacts };
		this.#send();
	}

	/** Sends bytes as they are. */
	sendRaw(bytes: Uint8Array): void {
		this.#device.report(bytes);
	}

	/** The firmware hangs: nothing is sent any more. */
	hang(): void {
		clearInterval(this.#timer);
	}

	/** It goes on. */
	resume(): void {
		clearInterval(this.#timer);
		this.#timer = setInterval(() => this.#send(), heartbeatMilliseconds);
	}

	/** What a person sees and hears: what the host said last, or the alarm of the box itself. */
	shown(): Indication {
		const { indication, at } = this.#told ?? { at: this.#startedAt };
		const isAlone = performance.now() - at > deadManMilliseconds;
		if (isAlone) return { light: "Red", rhythm: "Fast", buzzer: true };
		return indication ?? { light: "Off", rhythm: "Steady", buzzer: false };
	}

	#send(): void {
		const uptime = (performance.now() - this.#startedAt) / 100;
		this.#device.report(encodeReport(this.#contacts, this.#sequence, Math.floor(uptime)));
		this.#sequence = (this.#sequence + 1) & 0xff;
	}
}
