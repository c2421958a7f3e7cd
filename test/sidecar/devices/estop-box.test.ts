import { createHash } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import { crc8 } from "../../../sidecar/devices/crc8.ts";
import { estopBox } from "../../../sidecar/devices/estop-box.ts";
import {
	atRest,
	descriptorHash,
	encodeReport,
	pressedDown,
	readOutput,
	reportDescriptor,
} from "../../../sidecar/devices/estop-box-wire.ts";
import type { Indication } from "../../../sidecar/devices/profile.ts";
import { bytes, hex, slowCrc, someInterface } from "./bytes.ts";

const decode = (text: string) => estopBox.decode?.(bytes(text));

test("the checksum is CRC-8/AUTOSAR", (t) => {
	// Given the check value of catalogues, and the examples of AUTOSAR's specification of CRC routines
	t.is(crc8(Buffer.from("123456789")), 0xdf);
	for (const [data, expected] of [
		["00 00 00 00", 0x12],
		["f2 01 83", 0xc2],
		["0f aa 00 55", 0xc6],
		["00 ff 55 11", 0x77],
		["33 22 55 aa bb cc dd ee ff", 0x11],
		["92 6b 55", 0x33],
		["ff ff ff ff", 0x6c],
	] as const) {
		t.is(crc8(bytes(data)), expected, data);
		t.is(slowCrc(bytes(data)), expected, data);
	}
});

test("reports written by hand are read as docs/estop-box.md says", (t) => {
	const calm = { kind: "Reading", pressed: false, discrepant: false, tampered: false, guardOpen: false };
	// At rest
	t.deepEqual(decode("01 00 01 00 01 00 00 3d"), { ...calm, sequence: 0 });
	// Pressed
	t.deepEqual(decode("01 00 00 01 01 01 25 2c"), { ...calm, pressed: true, sequence: 1 });
	// One contact alone is a press, whichever it is, and a discrepancy
	t.deepEqual(decode("01 00 00 00 01 02 26 fc"), {
		...calm,
		pressed: true,
		discrepant: true,
		sequence: 2,
	});
	t.deepEqual(decode("01 00 01 01 01 03 27 22"), {
		...calm,
		pressed: true,
		discrepant: true,
		sequence: 3,
	});
	// Guard and enclosure open
	t.deepEqual(decode("01 01 01 00 00 ff ff 9d"), {
		...calm,
		tampered: true,
		guardOpen: true,
		sequence: 255,
	});
	// Flags of a later firmware are no reason to lose the button
	t.deepEqual(decode("01 fe 01 00 01 09 09 1d"), { ...calm, sequence: 9 });
	t.deepEqual(decode("01 ff 01 00 01 09 09 49"), { ...calm, guardOpen: true, sequence: 9 });
	// Neither 0 nor 1: in doubt the alarm
	t.deepEqual(decode("01 00 ff 00 01 09 09 36"), { ...calm, pressed: true, discrepant: true, sequence: 9 });
	t.deepEqual(decode("01 00 01 00 02 09 09 3b"), { ...calm, tampered: true, sequence: 9 });
});

test("what is no report says nothing, and why", (t) => {
	// Another version, rightly sealed
	t.deepEqual(decode("02 00 00 01 01 07 07 1a"), { kind: "Malformed", why: "Version" });
	t.deepEqual(decode("00 00 00 00 00 00 00 6a"), { kind: "Malformed", why: "Version" });
	// A wire stuck at either level
	t.deepEqual(decode("00 00 00 00 00 00 00 00"), { kind: "Malformed", why: "Checksum" });
	t.deepEqual(decode("ff ff ff ff ff ff ff ff"), { kind: "Malformed", why: "Checksum" });
	// A press cut short, and with a byte more
	t.deepEqual(decode("01 00 00 01 01 01 25"), { kind: "Malformed", why: "Length" });
	t.deepEqual(decode("01 00 00 01 01 01 25 2c 00"), { kind: "Malformed", why: "Length" });
	t.deepEqual(decode(""), { kind: "Malformed", why: "Length" });
});

test("whoever plays the box sends the reports that are written by hand", (t) => {
	t.is(hex(encodeReport(atRest, 0, 0)), "01 00 01 00 01 00 00 3d");
	// Both counters run over
	t.is(hex(encodeReport(pressedDown, 0x101, 0x325)), "01 00 00 01 01 01 25 2c");
	t.is(
		hex(encodeReport({ ...atRest, guardOpen: true, tamperLoopClosed: false }, 255, 255)),
		"01 01 01 00 00 ff ff 9d",
	);
});

test("lights are the bytes that are written by hand", (t) => {
	const shown = (indication: Indication, sequence: number) =>
		estopBox.encode?.(indication, { tick: 3, sequence }).map(({ kind, data }) => `${kind} ${hex(data)}`);
	t.deepEqual(shown({ light: "Green", rhythm: "Steady", buzzer: false }, 0), ["Output 00 01 00 00 98"]);
	t.deepEqual(shown({ light: "Yellow", rhythm: "Fast", buzzer: false }, 7), ["Output 00 22 00 07 a8"]);
	t.deepEqual(shown({ light: "Red", rhythm: "Fast", buzzer: true }, 0x1ff), ["Output 00 24 01 ff ea"]);
	t.deepEqual(shown({ light: "Yellow", rhythm: "Double", buzzer: false }, 1), ["Output 00 32 00 01 aa"]);
	t.deepEqual(shown({ light: "Red", rhythm: "Slow", buzzer: true }, 128), ["Output 00 14 01 80 44"]);
});

test("a box shows what the host meant, and nothing damaged feeds its dead-man", (t) => {
	const indications = fc.record({
		light: fc.constantFrom("Off", "Green", "Yellow", "Red"),
		rhythm: fc.constantFrom("Steady", "Slow", "Fast", "Double"),
		buzzer: fc.boolean(),
	}) as fc.Arbitrary<Indication>;
	fc.assert(
		fc.property(indications, fc.nat(), fc.nat(31), (indication, sequence, bit) => {
			// Given what the host writes, without the report id
			const [write] = estopBox.encode?.(indication, { tick: 0, sequence }) ?? [];
			const report = write?.data.subarray(1) ?? new Uint8Array();
			// Then the box reads the same
			t.deepEqual(readOutput(report), { indication, sequence: sequence & 0xff });
			// And with any bit wrong, nothing
			report[bit >> 3] = (report[bit >> 3] ?? 0) ^ (1 << (bit & 7));
			t.is(readOutput(report), undefined);
		}),
	);
});

test("what the contacts say is read back", (t) => {
	const contacts = fc.record({
		aClosed: fc.boolean(),
		bClosed: fc.boolean(),
		tamperLoopClosed: fc.boolean(),
		guardOpen: fc.boolean(),
	});
	fc.assert(
		fc.property(contacts, fc.nat(), fc.nat(), (seen, sequence, uptime) => {
			t.deepEqual(estopBox.decode?.(encodeReport(seen, sequence, uptime)), {
				kind: "Reading",
				pressed: !seen.aClosed || seen.bClosed,
				discrepant: seen.aClosed === seen.bClosed,
				tampered: !seen.tamperLoopClosed,
				guardOpen: seen.guardOpen,
				sequence: sequence % 256,
			});
		}),
	);
});

test("no report with one, two or three bits wrong is read", (t) => {
	// Given a report at rest and one of a press
	for (const valid of [bytes("01 00 01 00 01 00 00 3d"), bytes("01 00 00 01 01 01 25 2c")]) {
		let read = 0;
		const report = Uint8Array.from(valid);
		const flip = (bit: number) => {
			report[bit >> 3] = (report[bit >> 3] ?? 0) ^ (1 << (bit & 7));
			if (estopBox.decode?.(report).kind === "Reading") read++;
		};
		// When each choice of up to three bits is flipped
		for (let a = 0; a < 64; a++) {
			flip(a);
			for (let b = a + 1; b < 64; b++) {
				flip(b);
				for (let c = b + 1; c < 64; c++) {
					flip(c);
					report[c >> 3] = (report[c >> 3] ?? 0) ^ (1 << (c & 7));
				}
				report[b >> 3] = (report[b >> 3] ?? 0) ^ (1 << (b & 7));
			}
			report[a >> 3] = (report[a >> 3] ?? 0) ^ (1 << (a & 7));
		}
		// Then none is a reading, and the report itself still is
		t.is(read, 0);
		t.is(estopBox.decode?.(report).kind, "Reading");
	}
});

test("a box is known by its report descriptor, whatever its numbers and names are", (t) => {
	const descriptor = "06 00 ff 09 01 a1 01 15 00 26 ff 00 75 08 95 08 09 02 81 02 95 04 09 03 91 02 c0";
	t.is(hex(reportDescriptor), descriptor);
	t.is(createHash("sha256").update(bytes(descriptor)).digest("hex"), descriptorHash);
	t.true(estopBox.identify({ ...someInterface, descriptorHash }));
	t.true(
		estopBox.identify({
			...someInterface,
			vendorId: 7,
			product: "",
			descriptorHash: descriptorHash.toUpperCase(),
		}),
	);
	t.false(estopBox.identify(someInterface));
	t.false(estopBox.identify({ ...someInterface, descriptorHash: "" }));
});
