import { closeSync, openSync, read, writeSync } from "node:fs";
import type { Write } from "../../sidecar/devices/profile.ts";
import type { GuestDevice } from "./protocol.ts";

/** Kinds of `struct uhid_event` (linux/uhid.h); all its structures are packed and little endian. */
const kinds = { destroy: 1, output: 6, getReport: 9, create2: 11, input2: 12, setReport: 13 } as const;
const longestReport = 4_096;
const typeSize = 4;
/** name, phys, uniq, rd_size, bus, vendor, product, version, country, rd_data: the largest of all. */
const eventSize = typeSize + 128 + 64 + 64 + 2 + 2 + 4 * 4 + longestReport;
const usb = 3;

/** A HID device that this process plays to the kernel by /dev/uhid. */
export class UhidDevice {
	/** Told of each report that a host writes; its first byte is its id. */
	onWrite: (write: Write) => void = () => {};
	readonly #file: number;
	#isOver = false;

	constructor({ serial, product, vendorId, productId, descriptor }: GuestDevice) {
		const bytes = Buffer.from(descriptor, "hex");
		const event = Buffer.alloc(eventSize);
		event.writeUInt32LE(kinds.create2, 0);
		event.write(product, typeSize, 127);
		event.write(serial, typeSize + 128 + 64, 63);
		let at = typeSize + 128 + 64 + 64;
		at = event.writeUInt16LE(bytes.length, at);
		at = event.writeUInt16LE(usb, at);
		at = event.writeUInt32LE(vendorId, at);
		at = event.writeUInt32LE(productId, at);
		bytes.copy(event, at + 8);
		this.#file = openSync("/dev/uhid", "r+");
		writeSync(this.#file, event);
		this.#readForEver();
	}

	/** Sends an input report. */
	report(bytes: Uint8Array): void {
		if (this.#isOver) return;
		const event = Buffer.alloc(typeSize + 2 + bytes.length);
		event.writeUInt32LE(kinds.input2, 0);
		event.writeUInt16LE(bytes.length, typeSize);
		event.set(bytes, typeSize + 2);
		writeSync(this.#file, event);
	}

	/** Takes it away. */
	destroy(): void {
		if (this.#isOver) return;
		this.#isOver = true;
		const event = Buffer.alloc(typeSize);
		event.writeUInt32LE(kinds.destroy, 0);
		writeSync(this.#file, event);
		closeSync(this.#file);
	}

	#readForEver(): void {
		const event = Buffer.alloc(eventSize);
		read(this.#file, event, 0, eventSize, null, (error) => {
			// It ends when the device is taken away.
			if (this.#isOver) return;
			if (error) throw error;
			this.#take(event);
			this.#readForEver();
		});
	}

	#take(event: Buffer): void {
		switch (event.readUInt32LE(0)) {
			case kinds.output: {
				const length = event.readUInt16LE(typeSize + longestReport);
				this.onWrite({ kind: "Output", data: Uint8Array.from(event.subarray(typeSize, typeSize + length)) });
				return;
			}
			case kinds.getReport:
			case kinds.setReport: {
				// It has no feature reports: an answer without bytes, so that nobody waits.
				const answer = Buffer.alloc(12);
				answer.writeUInt32LE(event.readUInt32LE(0) + 1, 0);
				answer.writeUInt32LE(event.readUInt32LE(typeSize), typeSize);
				writeSync(this.#file, answer);
			}
		}
	}
}
