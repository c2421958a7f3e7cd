import test from "ava";
import { isDeviceError } from "../../../sidecar/devices/error.ts";
import { genericButton } from "../../../sidecar/devices/generic-button.ts";
import { bytes, someInterface } from "./bytes.ts";

const plain = { name: "desk-button", vendorId: 0x1209, productId: 1, offset: 1, mask: 0x06, active: 0x04 };

test("a configured button is read at its byte and bits", (t) => {
	const decode = (text: string) => genericButton(plain).decode?.(bytes(text));
	t.deepEqual(decode("00 04"), { kind: "Reading", pressed: true });
	t.deepEqual(decode("ff fd 00 00"), { kind: "Reading", pressed: true });
	t.deepEqual(decode("04 00"), { kind: "Reading", pressed: false });
	t.deepEqual(decode("00 06"), { kind: "Reading", pressed: false });
	t.deepEqual(decode("04"), { kind: "Malformed", why: "Length" });
	t.deepEqual(decode(""), { kind: "Malformed", why: "Length" });
	// One that is low while pressed
	const low = genericButton({ ...plain, offset: 0, mask: 1, active: 0 });
	t.deepEqual(low.decode?.(bytes("fe")), { kind: "Reading", pressed: true });
	t.deepEqual(low.decode?.(bytes("01")), { kind: "Reading", pressed: false });
});

test("reports of another id of a configured button say nothing", (t) => {
	const { decode } = genericButton({ ...plain, reportId: 3 });
	t.deepEqual(decode?.(bytes("03 04")), { kind: "Reading", pressed: true });
	t.deepEqual(decode?.(bytes("02 04")), { kind: "Malformed", why: "Unknown" });
});

test("a configured button claims no more than it is: its silence says nothing", (t) => {
	const { abilities, staleAfterMilliseconds, poll, encode, name } = genericButton(plain);
	t.is(name, "desk-button");
	t.is(staleAfterMilliseconds, undefined);
	t.is(poll, undefined);
	t.is(encode, undefined);
	t.false(abilities.latching || abilities.dualChannel || abilities.tamperLoop || abilities.lights);
});

test("a configured button is known by its numbers, and by product and usage page where they are given", (t) => {
	const isKnown = (more: object, info: object) =>
		genericButton({ ...plain, ...more }).identify({ ...someInterface, ...info });
	t.true(isKnown({}, {}));
	t.false(isKnown({}, { vendorId: 0x120a }));
	t.false(isKnown({}, { productId: 2 }));
	t.true(isKnown({ product: "Desk 1" }, {}));
	t.false(isKnown({ product: "Desk 1" }, { product: "Desk 10" }));
	t.true(isKnown({ usagePage: 0xff00 }, {}));
	t.false(isKnown({ usagePage: 0xff00 }, { usagePage: 1 }));
});

test("a button that is configured wrongly is refused with the field and what to write", (t) => {
	for (const [configuration, message] of [
		[undefined, /an object with name/],
		[[], /an object with name/],
		[{ ...plain, name: "Desk" }, /button "Desk": name is to be 1 to 63 lower case/],
		[{ ...plain, name: "a".repeat(64) }, /name is to be/],
		[{ ...plain, name: undefined }, /button nothing: name/],
		[{ ...plain, vendorId: "0x1209" }, /desk-button: vendorId .* 1 to 65535, not "0x1209"/],
		[{ ...plain, vendorId: 0 }, /vendorId/],
		[{ ...plain, productId: 0x10000 }, /productId/],
		[{ ...plain, productId: undefined }, /productId .* not nothing/],
		[{ ...plain, product: "" }, /product is to be what/],
		[{ ...plain, product: 7 }, /product is to be what/],
		[{ ...plain, usagePage: 1.5 }, /usagePage/],
		[{ ...plain, usagePage: null }, /usagePage .* not null/],
		[{ ...plain, reportId: 0 }, /reportId/],
		[{ ...plain, offset: -1 }, /offset/],
		[{ ...plain, mask: 0 }, /mask/],
		[{ ...plain, mask: Number.NaN }, /mask/],
		[{ ...plain, active: 256 }, /active/],
		[{ ...plain, active: 0x08 }, /active 8 has bits outside mask 6: it would never be pressed/],
		[{ ...plain, offset: 0, reportId: 3 }, /offset 0 is the report id itself/],
		[{ ...plain, vendorID: 7 }, /vendorID is none of name, product, vendorId/],
	] as const) {
		const error = t.throws(() => genericButton(configuration), { message });
		t.true(isDeviceError(error, "CONFIGURATION"));
	}
});
