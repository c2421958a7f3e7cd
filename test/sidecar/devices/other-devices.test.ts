import test from "ava";
import { bigRedButton } from "../../../sidecar/devices/big-red-button.ts";
import { blink1 } from "../../../sidecar/devices/blink1.ts";
import { delcom, litByDelcom } from "../../../sidecar/devices/delcom.ts";
import type { Indication, Profile, Write } from "../../../sidecar/devices/profile.ts";
import { bytes, hex, someInterface } from "./bytes.ts";

const asText = (writes: readonly Write[] | undefined) =>
	writes?.map(({ kind, data }) => `${kind} ${hex(data)}`);
const shown = (profile: Profile, indication: Indication, tick: number) =>
	asText(profile.encode?.(indication, { tick, sequence: 0 }));
/** In which of 16 quarters of a second something is on. */
const timing = (isOn: (tick: number) => boolean) =>
	Array.from({ length: 16 }, (_, tick) => (isOn(tick) ? "#" : ".")).join("");

test("the big red button: what is asked, what is answered", (t) => {
	t.is(hex(bigRedButton.poll?.request?.data ?? new Uint8Array()), "00 08 00 00 00 00 00 00 02");
	const decode = (text: string) => bigRedButton.decode?.(bytes(text));
	t.deepEqual(decode("15 00 00 00 00 00 00 03"), { kind: "Reading", pressed: false, guardOpen: false });
	t.deepEqual(decode("17 00 00 00 00 00 00 03"), { kind: "Reading", pressed: false, guardOpen: true });
	t.deepEqual(decode("16 00 00 00 00 00 00 03"), { kind: "Reading", pressed: true, guardOpen: true });
	// Pressed through the lid
	t.deepEqual(decode("14 00 00 00 00 00 00 03"), { kind: "Reading", pressed: true, guardOpen: false });
	t.deepEqual(decode("00 00 00 00 00 00 00 00"), { kind: "Malformed", why: "Unknown" });
	t.deepEqual(decode("12 00 00 00 00 00 00 03"), { kind: "Malformed", why: "Unknown" });
	t.deepEqual(decode("96 00 00 00 00 00 00 03"), { kind: "Malformed", why: "Unknown" });
	t.deepEqual(decode("16"), { kind: "Malformed", why: "Length" });
	const real = { ...someInterface, vendorId: 0x1d34, productId: 0x000d, usagePage: 0x01, usage: 0x10 };
	t.true(bigRedButton.identify(real));
	for (const other of [{ productId: 0x0004 }, { vendorId: 0x1130 }, { usagePage: 0xff00 }, { usage: 6 }]) {
		t.false(bigRedButton.identify({ ...real, ...other }), JSON.stringify(other));
	}
});

test("Delcom: ports with the light that is on, and with the switch", (t) => {
	// Given answers of the device: port 0, port 1, clocks, port 2
	const decode = (text: string) => delcom.decode?.(bytes(text));
	t.deepEqual(decode("ff fe 00 ff 00 00 00 00"), { kind: "Reading", pressed: false });
	t.deepEqual(decode("fe ff 00 ff 00 00 00 00"), { kind: "Reading", pressed: true });
	t.deepEqual(decode("fe ff 00 ff"), { kind: "Malformed", why: "Length" });
	// Its lights are read back
	for (const [port, light] of [
		["fe", "Green"],
		["fd", "Red"],
		["fb", "Yellow"],
		["ff", "Off"],
		["f8", undefined],
	] as const) {
		t.is(litByDelcom(bytes(`ff ${port} 00 ff 00 00 00 00`)), light);
	}
	t.is(litByDelcom(bytes("ff fe")), undefined);
	t.deepEqual(delcom.poll?.feature, { id: 100, length: 8 });
	const real = { ...someInterface, vendorId: 0x0fc5, productId: 0xb080, usagePage: 0xff00 };
	t.true(delcom.identify(real));
	t.false(delcom.identify({ ...real, productId: 0x1223 }));
	t.false(delcom.identify({ ...real, usagePage: 1 }));
});

test("Delcom: packets for lights and buzzer", (t) => {
	t.deepEqual(asText(delcom.start), ["Output 65 14 0f 00 00 00 00 00", "Output 65 48 00 00 00 00 00 00"]);
	const silent = "Output 66 46 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
	const loud = "Output 66 46 01 04 00 00 00 00 00 00 00 00 00 00 00 00";
	const steady = (light: Indication["light"], buzzer: boolean) =>
		shown(delcom, { light, rhythm: "Steady", buzzer }, 5);
	t.deepEqual(steady("Green", false), ["Output 65 0c 01 ff 00 00 00 00", silent]);
	t.deepEqual(steady("Red", true), ["Output 65 0c 02 ff 00 00 00 00", loud]);
	t.deepEqual(steady("Yellow", false), ["Output 65 0c 04 ff 00 00 00 00", silent]);
	t.deepEqual(steady("Off", false), ["Output 65 0c 00 ff 00 00 00 00", silent]);
	// In the dark part of a rhythm it is silent, too
	t.deepEqual(shown(delcom, { light: "Red", rhythm: "Fast", buzzer: true }, 5), [
		"Output 65 0c 00 ff 00 00 00 00",
		silent,
	]);
});

test("blink(1): a pattern to play when the host is silent, then colours that keep it off", (t) => {
	// Red and dark for 250 ms each, in lines 0 and 1
	t.deepEqual(asText(blink1.start), ["Feature 01 50 ff 00 00 00 19 00", "Feature 01 50 00 00 00 00 19 01"]);
	// After 2 s, keeping the light, lines 0 and 1
	const fed = "Feature 01 44 01 00 c8 01 00 02";
	const steady = (light: Indication["light"]) => shown(blink1, { light, rhythm: "Steady", buzzer: true }, 2);
	t.deepEqual(steady("Red"), [fed, "Feature 01 6e ff 00 00 00 00 00"]);
	t.deepEqual(steady("Green"), [fed, "Feature 01 6e 00 ff 00 00 00 00"]);
	t.deepEqual(steady("Yellow"), [fed, "Feature 01 6e ff 90 00 00 00 00"]);
	t.deepEqual(steady("Off"), [fed, "Feature 01 6e 00 00 00 00 00 00"]);
	t.is(blink1.decode, undefined);
	t.true(blink1.identify({ ...someInterface, vendorId: 0x27b8, productId: 0x01ed, usagePage: 0xffab }));
	t.false(blink1.identify({ ...someInterface, vendorId: 0x27b8, productId: 0x01ee }));
	// Fed often enough that one lost write does not let it fire
	t.true((blink1.refreshMilliseconds ?? Number.POSITIVE_INFINITY) * 3 < 2_000);
});

test("devices that the host switches show the rhythms in quarters of a second", (t) => {
	for (const [rhythm, expected] of [
		["Steady", "################"],
		["Slow", "##..##..##..##.."],
		["Fast", "#.#.#.#.#.#.#.#."],
		["Double", "#.#.....#.#....."],
	] as const) {
		const indication = { light: "Red", rhythm, buzzer: false } as const;
		const isDark = { ...indication, light: "Off", rhythm: "Steady" } as const;
		for (const profile of [delcom, blink1]) {
			const dark = shown(profile, isDark, 0)?.join();
			t.is(
				timing((tick) => shown(profile, indication, tick)?.join() !== dark),
				expected,
				profile.name,
			);
			// They are written at least once a quarter
			t.is(profile.refreshMilliseconds, 250);
		}
	}
});
