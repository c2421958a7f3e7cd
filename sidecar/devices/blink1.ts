import type { Light, Profile, Write } from "./profile.ts";
import { isLit } from "./rhythm.ts";

const reportId = 1;
const colours: Readonly<Record<Light, readonly [red: number, green: number, blue: number]>> = {
	Off: [0, 0, 0],
	Green: [0, 0xff, 0],
	Yellow: [0xff, 0x90, 0],
	Red: [0xff, 0, 0],
};
/** In hundredths of a second. */
const silence = 200;
const blink = 25;

/**
 * ThingM's blink(1), after its maker's list of commands and firmware; we have never had one. Without a word of the host
 * for 2 s it blinks red by itself. Before firmware 2.05 it then plays all of its pattern, of which that is the beginning;
 * the first model (mk1) keeps the pattern in EEPROM, and whether it shows a steady light beside the dead-man is in doubt.
 */
export const blink1: Profile = {
	name: "blink1",
	title: "ThingM blink(1)",
	abilities: {
		button: false,
		lights: true,
		sound: false,
		latching: false,
		dualChannel: false,
		tamperLoop: false,
		deadMan: true,
		tested: "Untested",
	},
	// These numbers are its maker's own; its usage page is not the same in all models.
	identify: ({ vendorId, productId }) => vendorId === 0x27b8 && productId === 0x01ed,
	// Not with each refresh: mk1 would wear out.
	start: [command("P", ...colours.Red, 0, blink, 0), command("P", ...colours.Off, 0, blink, 1)],
	encode: ({ light, rhythm }, { tick }) => [
		// Lines 0 and 1 of the pattern, light kept. First, since setting the colour ends what it may play already.
		command("D", 1, silence >> 8, silence & 0xff, 1, 0, 2),
		command("n", ...colours[isLit(rhythm, tick) ? light : "Off"], 0, 0, 0),
	],
	refreshMilliseconds: 250,
};

function command(name: string, ...args: readonly number[]): Write {
	return { kind: "Feature", data: Uint8Array.from([reportId, name.charCodeAt(0), ...args]) };
}
