import type { Indication, Light, Malformed, Profile, Reading, Write } from "./profile.ts";
import { isLit } from "./rhythm.ts";

// Packets begin with the command, where others have a report id. Major commands:
const readPorts = 100;
const write8 = 101;
const write16 = 102;
// Minor ones, of the two that write:
const port1Pins = 12;
const port1Clock = 20;
const buzzer = 70;
const clearAndConfirm = 72;

/** Pins of port 1. The third lights yellow, or blue on models with red, green and blue. */
const pins: Readonly<Record<Light, number>> = { Off: 0, Green: 1, Red: 2, Yellow: 4 };
/** In 256 microseconds: 976 Hz. */
const pitch = 4;

/**
 * Delcom's indicators of the second generation, after the maker's data sheet (rev. 8) and public drivers; we have never
 * had one. Delcom's other products have the same numbers: what a desk pins tells them apart.
 *
 * The button is read as a level. The device can also count presses, but whoever reads that counter clears it, so
 * another program would steal them. That the switch pulls its pin low is not in what we read: if it is the other
 * way round, the device says pressed as soon as it is plugged in.
 */
export const delcom: Profile = {
	name: "delcom",
	title: "Delcom Gen 2 indicator with button and buzzer",
	abilities: {
		button: true,
		lights: true,
		sound: true,
		latching: false,
		dualChannel: false,
		tamperLoop: false,
		deadMan: false,
		tested: "Untested",
	},
	identify: ({ vendorId, productId, usagePage }) =>
		vendorId === 0x0fc5 && productId === 0xb080 && usagePage === 0xff00,
	// No flashing left from another program; a press shall neither turn the light off nor beep by itself.
	start: [packet(write8, port1Clock, 0x0f), packet(write8, clearAndConfirm)],
	decode,
	poll: { everyMilliseconds: 20, feature: { id: readPorts, length: 8 } },
	staleAfterMilliseconds: 300,
	encode,
	// The host switches it on and off, so that a light that stands still is a host that hangs.
	refreshMilliseconds: 250,
};

function decode(report: Uint8Array): Reading | Malformed {
	if (report.length !== 8) return { kind: "Malformed", why: "Length" };
	return { kind: "Reading", pressed: ((report[0] ?? 0) & 1) === 0 };
}

/** Which light its answer says to be on; undefined for an answer that is none, or for several at once. */
export function litByDelcom(report: Uint8Array): Light | undefined {
	if (report.length !== 8) return undefined;
	// A pin is low while its light is on.
	const on = ~(report[1] ?? 0) & 0x07;
	return (["Off", "Green", "Red", "Yellow"] as const).find((light) => pins[light] === on);
}

function encode({ light, rhythm, buzzer: sounds }: Indication, { tick }: { readonly tick: number }) {
	const isOn = isLit(rhythm, tick);
	return [
		// Pins to pull low, then pins to let go; pulling wins.
		packet(write8, port1Pins, isOn ? pins[light] : 0, 0xff),
		sounds && isOn ? packet(write16, buzzer, 1, pitch) : packet(write16, buzzer),
	];
}

function packet(...bytes: readonly number[]): Write {
	const data = new Uint8Array(bytes[0] === write16 ? 16 : 8);
	data.set(bytes);
	return { kind: "Output", data };
}
