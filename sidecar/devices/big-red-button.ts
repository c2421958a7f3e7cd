import type { Malformed, Profile, Reading } from "./profile.ts";

/**
 * Dream Cheeky's button under a lid, as lsusb and several public drivers of it say; we have never had one. It is asked
 * for each report, is a low-speed device whose endpoint is read every 10 ms, and has no serial number: nothing can pin it.
 */
export const bigRedButton: Profile = {
	name: "big-red-button",
	title: "Dream Cheeky Big Red Button",
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
	identify: ({ vendorId, productId, usagePage, usage }) =>
		vendorId === 0x1d34 && productId === 0x000d && usagePage === 0x01 && usage === 0x10,
	decode,
	poll: {
		// The shortest that a public driver uses.
		everyMilliseconds: 20,
		request: { kind: "Output", data: Uint8Array.from([0, 0x08, 0, 0, 0, 0, 0, 0, 0x02]) },
	},
	staleAfterMilliseconds: 300,
};

/** 15 lid closed, 17 lid open, 16 pressed; so bit 0 is 0 while pressed, bit 1 is 1 while the lid is open. */
function decode(report: Uint8Array): Reading | Malformed {
	const [state = 0] = report;
	if (report.length !== 8) return { kind: "Malformed", why: "Length" };
	// 14 was not seen, but two public drivers that look at the bits would take it for a press under the lid.
	if ((state & 0xfc) !== 0x14) return { kind: "Malformed", why: "Unknown" };
	return { kind: "Reading", pressed: (state & 1) === 0, guardOpen: (state & 2) !== 0 };
}
