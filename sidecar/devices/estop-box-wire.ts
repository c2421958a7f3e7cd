import { crc8 } from "./crc8.ts";
import type { Indication, Light, Malformed, Rhythm } from "./profile.ts";

// What is on the wire, for both ends: the host in `estop-box.ts`, and whoever plays the box. See docs/estop-box.md.

export const wireVersion = 1;
export const inputLength = 8;
export const outputLength = 4;

/** The HID report descriptor of the box, byte for byte. Another one is another format. */
export const reportDescriptor: Readonly<Uint8Array> = Uint8Array.from([
	...[0x06, 0x00, 0xff], // usage page: vendor 0xFF00
	...[0x09, 0x01], // usage 1
	...[0xa1, 0x01], // collection: application
	...[0x15, 0x00], // logical minimum 0
	...[0x26, 0xff, 0x00], // logical maximum 255
	...[0x75, 0x08], // report size: 8 bits
	...[0x95, 0x08], // report count: 8
	...[0x09, 0x02], // usage 2
	...[0x81, 0x02], // input: data, variable, absolute
	...[0x95, 0x04], // report count: 4
	...[0x09, 0x03], // usage 3
	...[0x91, 0x02], // output: data, variable, absolute
	0xc0, // end of collection
]);

/** SHA-256 of {@link reportDescriptor}, in hex. */
export const descriptorHash = "3af7d971f462ce0e33e1e6d27a35fa9c9a3af0fc96443fc61fac8a6f6843e43d";

/** What the box sees at its contacts. */
export type BoxContacts = {
	/** The normally closed contact: true at rest. */
	readonly aClosed: boolean;
	/** The normally open contact: false at rest. */
	readonly bClosed: boolean;
	readonly tamperLoopClosed: boolean;
	readonly guardOpen: boolean;
};

/** Contacts of a box at rest. */
export const atRest: BoxContacts = {
	aClosed: true,
	bClosed: false,
	tamperLoopClosed: true,
	guardOpen: false,
};

/** Contacts of a box whose button is down. */
export const pressedDown: BoxContacts = { ...atRest, aClosed: false, bClosed: true };

/** The report that the box sends. `uptime` counts tenths of a second; of it and of `sequence` the low byte is sent. */
export function encodeReport(contacts: BoxContacts, sequence: number, uptime: number): Uint8Array {
	return sealed([
		wireVersion,
		contacts.guardOpen ? 1 : 0,
		contacts.aClosed ? 1 : 0,
		contacts.bClosed ? 1 : 0,
		contacts.tamperLoopClosed ? 1 : 0,
		sequence,
		uptime,
	]);
}

/** Why a report of this length is none; undefined for one whose bytes can be relied on. */
export function flawOf(report: Uint8Array, length: number): Malformed["why"] | undefined {
	if (report.length !== length) return "Length";
	return crc8(report.subarray(0, length - 1)) === report[length - 1] ? undefined : "Checksum";
}

const lightBits: Readonly<Record<Light, number>> = { Off: 0, Green: 1, Yellow: 2, Red: 4 };
const rhythmNumbers: Readonly<Record<Rhythm, number>> = { Steady: 0, Slow: 1, Fast: 2, Double: 3 };

/** The report that the host sends, without the report id. */
export function encodeOutput({ light, rhythm, buzzer }: Indication, sequence: number): Uint8Array {
	return sealed([lightBits[light] | (rhythmNumbers[rhythm] << 4), buzzer ? 1 : 0, sequence]);
}

/** What a box makes of a report of the host; undefined for one that must not feed its dead-man. */
export function readOutput(
	report: Uint8Array,
): { readonly indication: Indication; readonly sequence: number } | undefined {
	if (flawOf(report, outputLength) !== undefined) return undefined;
	const [light = 0, buzzer = 0, sequence = 0] = report;
	return {
		indication: {
			light: nameOf(lightBits, light & 7, "Off"),
			rhythm: nameOf(rhythmNumbers, (light >> 4) & 3, "Steady"),
			buzzer: (buzzer & 1) === 1,
		},
		sequence,
	};
}

function nameOf<Name extends string>(
	table: Readonly<Record<Name, number>>,
	value: number,
	other: Name,
): Name {
	const names = Object.keys(table) as Name[];
	return names.find((name) => table[name] === value) ?? other;
}

/** With the checksum behind. Of each number the low byte is kept. */
function sealed(bytes: readonly number[]): Uint8Array {
	const report = Uint8Array.from([...bytes, 0]);
	report[bytes.length] = crc8(report.subarray(0, -1));
	return report;
}
