import type { HidInterface, Write } from "./devices/profile.ts";

/** An open device. */
export type HidHandle = {
	readonly write: (write: Write) => Promise<void>;
	/** Reads a feature report; its first byte is its id. */
	readonly readFeature: (id: number, length: number) => Promise<Uint8Array>;
	readonly close: () => Promise<void>;
};

/** What is told of an open device. None of these may throw. */
export type HidHooks = {
	/** Called as soon as a report can be read: whoever measures a press begins here. */
	readonly onReport: (report: Uint8Array) => void;
	/** It is gone, or cannot be read any more. Told once; nothing comes after it. */
	readonly onLost: (error: unknown) => void;
};

/** The way to the devices of this machine. */
export type HidTransport = {
	readonly list: () => Promise<readonly HidInterface[]>;
	/** @throws SidecarError `OPEN` */
	readonly open: (device: HidInterface, hooks: HidHooks) => Promise<HidHandle>;
	/** Calls back when a device may have come or gone. Returns what ends it. */
	readonly watch: (onChange: () => void) => () => void;
};
