import type { BoxContacts } from "../../sidecar/devices/estop-box-wire.ts";
import type { Indication } from "../../sidecar/devices/profile.ts";

/** How the kernel of the guest is to see a device. */
export type GuestDevice = {
	readonly serial: string;
	readonly product: string;
	readonly vendorId: number;
	readonly productId: number;
	/** Report descriptor, in hex. */
	readonly descriptor: string;
};

/** What the agent in a guest is asked for, each as one line of JSON. */
export type GuestRequest =
	/** Makes a device, which is a reference box unless it is `silent`. */
	| { readonly kind: "Plug"; readonly device: GuestDevice; readonly silent?: boolean }
	| { readonly kind: "Unplug"; readonly serial: string }
	| { readonly kind: "Contacts"; readonly serial: string; readonly contacts: Partial<BoxContacts> }
	/** Sends a report as it is, in hex. */
	| { readonly kind: "Report"; readonly serial: string; readonly report: string }
	/** What a person sees at a box. */
	| { readonly kind: "Shown"; readonly serial: string }
	/** Starts a program of Node.js, and says its number. `uid`: as this user, not as root. */
	| {
			readonly kind: "Start";
			readonly args: readonly string[];
			readonly env: Readonly<Record<string, string>>;
			readonly uid?: number;
	  }
	| { readonly kind: "Signal"; readonly pid: number; readonly signal: NodeJS.Signals }
	/** Fetches a page from a port of the guest. */
	| { readonly kind: "Fetch"; readonly port: number; readonly path: string }
	/** Says the names of the files in a folder of the guest. */
	| { readonly kind: "Files"; readonly folder: string }
	/** Reads a file of the guest. */
	| { readonly kind: "Read"; readonly file: string }
	/** Writes a file of the guest, in memory. */
	| { readonly kind: "Write"; readonly file: string; readonly text: string }
	/** Sets who may use a file of the guest. */
	| { readonly kind: "Mode"; readonly file: string; readonly mode: number };

/** What comes back for each request, in the order in which they are done. */
export type GuestAnswer = {
	readonly id: number;
	readonly error?: string;
	readonly indication?: Indication;
	readonly pid?: number;
	readonly status?: number;
	readonly text?: string;
	readonly names?: readonly string[];
};

/** What comes unasked: a line that a program wrote, or its end. */
export type GuestEvent =
	| { readonly event: "Line"; readonly pid: number; readonly line: string }
	| { readonly event: "Ended"; readonly pid: number; readonly how: string };
