import { DeviceError } from "./error.ts";
import type { Malformed, Profile, Reading } from "./profile.ts";

/** A button that nobody wrote a profile for, as it is configured. */
export type GenericButton = {
	/** Lower case letters, digits and dashes. */
	readonly name: string;
	readonly vendorId: number;
	readonly productId: number;
	/** What it calls itself. Needed where other things have the same numbers. */
	readonly product?: string;
	readonly usagePage?: number;
	/** The first byte of the reports that count. Absent: all count. */
	readonly reportId?: number;
	/** Which byte of a report says so, from 0; a report id is byte 0. */
	readonly offset: number;
	/** The bits of that byte. */
	readonly mask: number;
	/** The value of these bits while it is pressed. */
	readonly active: number;
};

/** The longest report that Linux hands out. */
const longestReport = 16_384;
const numbers = {
	vendorId: [1, 0xffff],
	productId: [0, 0xffff],
	usagePage: [1, 0xffff],
	reportId: [1, 0xff],
	offset: [0, longestReport - 1],
	mask: [1, 0xff],
	active: [0, 0xff],
} as const satisfies Partial<Record<keyof GenericButton, readonly [least: number, most: number]>>;
const optional: readonly string[] = ["product", "usagePage", "reportId"] satisfies (keyof GenericButton)[];
const known: readonly string[] = ["name", "product", ...Object.keys(numbers)];

/** The profile of a configured button: it reports changes only, so its silence says nothing. Throws `CONFIGURATION`. */
export function genericButton(configuration: unknown): Profile {
	const button = checked(configuration);
	return {
		name: button.name,
		title: button.product ?? `Button ${button.name}`,
		abilities: {
			button: true,
			lights: false,
			sound: false,
			latching: false,
			dualChannel: false,
			tamperLoop: false,
			deadMan: false,
			tested: "Untested",
		},
		identify: (info) =>
			info.vendorId === button.vendorId &&
			info.productId === button.productId &&
			(button.product === undefined || info.product === button.product) &&
			(button.usagePage === undefined || info.usagePage === button.usagePage),
		decode: (report) => decode(button, report),
	};
}

function decode(button: GenericButton, report: Uint8Array): Reading | Malformed {
	const byte = report[button.offset];
	if (byte === undefined) return { kind: "Malformed", why: "Length" };
	if (button.reportId !== undefined && report[0] !== button.reportId) {
		return { kind: "Malformed", why: "Unknown" };
	}
	return { kind: "Reading", pressed: (byte & button.mask) === button.active };
}

function checked(configuration: unknown): GenericButton {
	if (typeof configuration !== "object" || configuration === null || Array.isArray(configuration)) {
		throw new DeviceError("CONFIGURATION", "a button is configured by an object with name, vendorId, ...");
	}
	const fields = configuration as Readonly<Record<string, unknown>>;
	const { name, product } = fields;
	if (typeof name !== "string" || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
		throw new DeviceError(
			"CONFIGURATION",
			`button ${shown(name)}: name is to be 1 to 63 lower case letters, digits and dashes`,
		);
	}
	const refuse = (text: string) => {
		throw new DeviceError("CONFIGURATION", `button ${name}: ${text}`);
	};
	const stranger = Object.keys(fields).find((field) => !known.includes(field));
	if (stranger !== undefined) refuse(`${stranger} is none of ${known.join(", ")}`);
	if (product !== undefined && (typeof product !== "string" || product === "")) {
		refuse(`product is to be what the device calls itself, not ${shown(product)}`);
	}
	for (const [field, [least, most]] of Object.entries(numbers)) {
		const value = fields[field];
		if (value === undefined && optional.includes(field)) continue;
		if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
			refuse(`${field} is to be a whole number from ${least} to ${most}, not ${shown(value)}`);
		}
	}
	const button = fields as GenericButton;
	if ((button.active & ~button.mask) !== 0) {
		refuse(`active ${button.active} has bits outside mask ${button.mask}: it would never be pressed`);
	}
	if (button.reportId !== undefined && button.offset === 0) {
		refuse("offset 0 is the report id itself");
	}
	return { ...button };
}

function shown(value: unknown): string {
	return value === undefined ? "nothing" : (JSON.stringify(value) ?? typeof value);
}
