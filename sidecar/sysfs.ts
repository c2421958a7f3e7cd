import { createHash } from "node:crypto";
import { readdir, readFile, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemErrorOf } from "./error.ts";

/** What Linux knows of a HID device beside what the device says of itself. */
export type SystemFacts = {
	/** SHA-256 of its report descriptor, in hex; empty where that cannot be read. */
	readonly descriptorHash: string;
	/** How often its interrupt endpoint is asked, in milliseconds. */
	readonly intervalMilliseconds?: number;
	/** Of the bus, in Mbit/s. */
	readonly speed?: number;
};

const scales: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000 };

/**
 * Reads /sys of Linux (Documentation/ABI/testing/sysfs-class-hidraw, sysfs-bus-usb). `path`: such as /dev/hidraw0.
 * What is not there is left out: a virtual device has neither speed nor interval.
 */
export async function systemFacts(path: string, root = "/sys"): Promise<SystemFacts> {
	const link = join(root, "class/hidraw", basename(path), "device");
	const descriptor = await readable(() => readFile(join(link, "report_descriptor")));
	const device = await readable(() => realpath(link));
	const usb = device === undefined ? {} : await usbFacts(device, root);
	const descriptorHash =
		descriptor === undefined ? "" : createHash("sha256").update(descriptor).digest("hex");
	return { descriptorHash, ...usb };
}

/** The first folder above that is a USB interface has the endpoints, the one above it the speed. */
async function usbFacts(device: string, root: string): Promise<Omit<SystemFacts, "descriptorHash">> {
	for (let folder = device; folder.length > root.length; folder = dirname(folder)) {
		const names = (await readable(() => readdir(folder))) ?? [];
		if (!names.includes("bInterfaceNumber")) continue;
		const intervals = await Promise.all(
			// Endpoints whose address has the highest bit go to the host.
			names.filter((name) => /^ep_[89a-f]/.test(name)).map((name) => textOf(join(folder, name, "interval"))),
		);
		const known = intervals.flatMap((text) => milliseconds(text) ?? []);
		const speed = Number.parseFloat((await textOf(join(dirname(folder), "speed"))) ?? "");
		return {
			...(known.length > 0 && { intervalMilliseconds: Math.max(...known) }),
			...(Number.isFinite(speed) && { speed }),
		};
	}
	return {};
}

function milliseconds(text: string | undefined): number | undefined {
	const [, amount, unit] = /^(\d+)(us|ms|s)$/.exec(text ?? "") ?? [];
	const scale = scales[unit ?? ""];
	return scale === undefined ? undefined : Number(amount) * scale;
}

async function textOf(file: string): Promise<string | undefined> {
	return (await readable(() => readFile(file, "utf8")))?.trim();
}

/** A device may go while it is read. Then, and where something is not there, nothing is known of it. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
	try {
		return await read();
	} catch (error) {
		if (systemErrorOf(error) === undefined) throw error;
		return undefined;
	}
}
