/** A HID interface as the system lists it. What it says about itself is not trusted: see `pinned.ts`. */
export type HidInterface = {
	/** Where it is opened, such as `/dev/hidraw0`. */
	readonly path: string;
	readonly vendorId: number;
	readonly productId: number;
	readonly serial: string;
	readonly product: string;
	readonly usagePage: number;
	readonly usage: number;
	/** SHA-256 of its report descriptor, in hex. */
	readonly descriptorHash: string;
	/** How often the host asks it, in milliseconds; undefined where nothing is known, as of a virtual device. */
	readonly intervalMilliseconds?: number;
	/** Of the bus, in Mbit/s. */
	readonly speed?: number;
};

/** What one report says. What a device has no contact for is absent. */
export type Reading = {
	readonly kind: "Reading";
	/** True as soon as any of its contacts says so: in doubt it is a press. */
	readonly pressed: boolean;
	/** True while its two contacts contradict each other. */
	readonly discrepant?: boolean;
	/** True while its enclosure is open. */
	readonly tampered?: boolean;
	/** True while the cover over the button is open. */
	readonly guardOpen?: boolean;
	/** 0 to 255, one more with each report: one that stands still is a device that hangs. */
	readonly sequence?: number;
};

/** A report that says nothing: it is no press, and no release either. */
export type Malformed = {
	readonly kind: "Malformed";
	readonly why: "Length" | "Version" | "Checksum" | "Unknown";
};

/** One call that writes to a device. `data` begins with the report id, 0 where there is none. */
export type Write = { readonly kind: "Output" | "Feature"; readonly data: Uint8Array };

/** What a person is to see and hear. */
export type Light = "Off" | "Green" | "Yellow" | "Red";
export type Rhythm =
	/** Without pause. */
	| "Steady"
	/** Once a second. */
	| "Slow"
	/** Four times a second; twice where the host switches the light. */
	| "Fast"
	/** Two short ones, then a pause. */
	| "Double";
export type Indication = { readonly light: Light; readonly rhythm: Rhythm; readonly buzzer: boolean };

/** What a device can do and what nobody has seen it do. */
export type Abilities = {
	readonly button: boolean;
	readonly lights: boolean;
	readonly sound: boolean;
	/** Stays pressed until somebody turns or pulls it. */
	readonly latching: boolean;
	readonly dualChannel: boolean;
	readonly tamperLoop: boolean;
	/** Shows by itself that the host is silent. */
	readonly deadMan: boolean;
	/** `Untested`: its reports were made by us after its documents; `Hardware`: a record of a real one is in the docs. */
	readonly tested: "Untested" | "Hardware";
};

/** How one kind of device speaks. */
export type Profile = {
	/** As configured and shown, such as `estop-box`. */
	readonly name: string;
	/** For people. */
	readonly title: string;
	readonly abilities: Abilities;
	/** True for an interface of this kind. Never by vendor and product number alone where others use the same. */
	readonly identify: (info: HidInterface) => boolean;
	/** Written once after it was opened, before anything else. Absent: nothing. */
	readonly start?: readonly Write[];
	/** Reads a report; never throws. Absent: it has no button. */
	readonly decode?: (report: Uint8Array) => Reading | Malformed;
	/** How the host has to ask for a report. Absent: the device sends them by itself. */
	readonly poll?: {
		readonly everyMilliseconds: number;
		/** Written before each report that comes as input. */
		readonly request?: Write;
		/** Or the feature report that is read instead. Its first byte is the first that the device sends. */
		readonly feature?: { readonly id: number; readonly length: number };
	};
	/** Without any report for so long it is stale. Undefined: it reports changes only, and its silence says nothing. */
	readonly staleAfterMilliseconds?: number;
	/**
	 * What to write so that it shows this. Called at each change, and every {@link refreshMilliseconds}. `tick` counts
	 * quarters of a second, for devices that cannot blink by themselves; `sequence` counts calls. Absent: it has no lights.
	 */
	readonly encode?: (
		indication: Indication,
		at: { readonly tick: number; readonly sequence: number },
	) => readonly Write[];
	/** How often {@link encode} is to be written again though nothing changed: to feed a dead-man, or to blink. Absent: never. */
	readonly refreshMilliseconds?: number;
};
