import { type FSWatcher, watch } from "node:fs";
import { open } from "node:fs/promises";
import type { Device, HIDAsync } from "node-hid";
import type { HidInterface, Write } from "./devices/profile.ts";
import { SidecarError, systemErrorOf } from "./error.ts";
import { systemFacts } from "./sysfs.ts";
import type { HidHandle, HidHooks, HidTransport } from "./transport.ts";

/**
 * The HID devices of a Linux machine, by node-hid 3.4 (hidraw). `HIDAsync` only: it reads in a thread of its own for each
 * device, where `HID` needs a free thread of the pool for each report, and loses reports when there is none.
 * `onError`: something beside a device failed; it must not throw.
 */
export function nodeHid(onError: (where: string, error: unknown) => void): HidTransport {
	return {
		async list() {
			const { devicesAsync } = await library();
			try {
				const found = await devicesAsync();
				return await Promise.all(found.flatMap((device) => (device.path ? [describe(device)] : [])));
			} catch (cause) {
				throw new SidecarError("LIST", messageOf(cause), { cause });
			}
		},
		open: openDevice,
		watch: (onChange) => watchFolder("/dev", onChange, onError),
	};
}

/** Loaded late: where it cannot be, the process stays up and says so. */
async function library(): Promise<typeof import("node-hid")> {
	try {
		const { default: hid } = await import("node-hid");
		// The native part is loaded by the first call that needs it.
		hid.getHidapiVersion();
		return hid;
	} catch (cause) {
		const remedy = "it needs libusb-1.0.so.0 and libudev.so.1 (Debian: libusb-1.0-0, libudev1)";
		throw new SidecarError("LIST", `node-hid cannot be loaded: ${messageOf(cause)}; ${remedy}`, { cause });
	}
}

async function describe(device: Device): Promise<HidInterface> {
	const { path = "", vendorId, productId, serialNumber, product, usagePage, usage } = device;
	return {
		...{ path, vendorId, productId, serial: serialNumber ?? "", product: product ?? "" },
		...{ usagePage: usagePage ?? 0, usage: usage ?? 0 },
		...(await systemFacts(path)),
	};
}

async function openDevice({ path }: HidInterface, hooks: HidHooks): Promise<HidHandle> {
	const { HIDAsync } = await library();
	let device: HIDAsync;
	try {
		device = await HIDAsync.open(path);
	} catch (cause) {
		throw new SidecarError("OPEN", `${path} cannot be opened: ${await whyNot(path, cause)}`, { cause });
	}
	// Its error event carries a string. It is the last that is heard of a device.
	device.once("error", (error: unknown) => {
		device.on("error", (again: unknown) => again);
		hooks.onLost(new SidecarError("LOST", `${path}: ${messageOf(error)}`, { cause: error }));
	});
	// One listener only: a second one would start a second reader, which node-hid refuses by an uncaught error.
	device.on("data", (report: Buffer) => hooks.onReport(report));
	return {
		write: async ({ kind, data }: Write) => {
			const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
			await (kind === "Output" ? device.write(bytes) : device.sendFeatureReport(bytes));
		},
		readFeature: (id, length) => device.getFeatureReport(id, length),
		close: () => device.close(),
	};
}

/** node-hid does not say why; the system does. */
async function whyNot(path: string, cause: unknown): Promise<string> {
	try {
		await (await open(path, "r+")).close();
		return messageOf(cause);
	} catch (error) {
		switch (systemErrorOf(error)) {
			case "EACCES":
				return "no permission; give this process read and write on it, by a rule of udev or as root";
			case "EPERM":
				return "the container may not use devices; run it privileged with /dev, or by a device plugin";
			case "ENOENT":
				return "it is not in /dev of this process; mount /dev of the node, or unplug and plug it again";
			default:
				return messageOf(error);
		}
	}
}

/** Where that cannot be watched the sweep remains. */
function watchFolder(
	folder: string,
	onChange: () => void,
	onError: (where: string, error: unknown) => void,
): () => void {
	let watcher: FSWatcher | undefined;
	try {
		watcher = watch(folder, { persistent: false }, (_event, name) => {
			if (name === null || name.startsWith("hidraw")) onChange();
		});
		watcher.on("error", (error) => onError("watch-devices", error));
	} catch (error) {
		onError("watch-devices", error);
	}
	return () => watcher?.close();
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
