import test from "ava";
import fc from "fast-check";
import { identityOf, type Pin } from "../../../sidecar/devices/pinned.ts";
import { someInterface } from "./bytes.ts";

const pin: Pin = { serial: "BOX-1", product: "Desk 1", descriptorHash: "00" };
const numbers = { vendorId: 0x1209, productId: 0x0001 };
const strange = { serial: "X", product: "Toy", descriptorHash: "ff", vendorId: 1, productId: 2 };

test("a device is pinned when serial, product and descriptor are", (t) => {
	t.deepEqual(identityOf(someInterface, [pin]), { kind: "Pinned", pins: [pin] });
	// By several desks
	const other = { ...pin, desk: "b" };
	t.deepEqual(identityOf(someInterface, [{ ...pin, serial: "BOX-2" }, { ...pin, desk: "a" }, other]), {
		kind: "Pinned",
		pins: [{ ...pin, desk: "a" }, other],
	});
	// However the hash is written
	t.is(
		identityOf({ ...someInterface, descriptorHash: "AB" }, [{ ...pin, descriptorHash: "ab" }]).kind,
		"Pinned",
	);
	// Its numbers may change with a firmware of its maker: they are not pinned
	t.is(identityOf({ ...someInterface, productId: 9 }, [{ ...pin, seen: numbers }]).kind, "Pinned");
});

test("who has the serial of a pinned device and differs otherwise is an impostor", (t) => {
	for (const [info, differs] of [
		[{ product: "Desk 2" }, ["product"]],
		[{ descriptorHash: "01" }, ["descriptorHash"]],
		[{ product: "Toy", descriptorHash: "01", vendorId: 7 }, ["product", "descriptorHash"]],
	] as const) {
		t.deepEqual(identityOf({ ...someInterface, ...info }, [pin]), {
			kind: "Impostor",
			of: [{ pin, differs }],
		});
	}
});

test("who has the name or the numbers of a pinned device and differs otherwise is an impostor", (t) => {
	// Another one of the same kind, also without a serial
	for (const serial of ["BOX-2", ""]) {
		t.deepEqual(identityOf({ ...someInterface, serial }, [pin]), {
			kind: "Impostor",
			of: [{ pin, differs: ["serial"] }],
		});
	}
	// Only the numbers, which are known once the pinned one was seen
	const toy = { ...someInterface, ...strange, ...numbers };
	t.deepEqual(identityOf(toy, [{ ...pin, seen: numbers }]), {
		kind: "Impostor",
		of: [{ pin: { ...pin, seen: numbers }, differs: ["serial", "product", "descriptorHash"] }],
	});
	t.is(identityOf({ ...toy, productId: 2 }, [{ ...pin, seen: numbers }]).kind, "Unpinned");
	// The serial tells more than the name: of two boxes of one kind it is the one it claims to be
	const second = { ...pin, serial: "BOX-2" };
	t.deepEqual(identityOf({ ...someInterface, descriptorHash: "01" }, [second, pin]), {
		kind: "Impostor",
		of: [{ pin, differs: ["descriptorHash"] }],
	});
});

test("nothing is pinned by an empty serial, nor by an empty hash", (t) => {
	const nameless = { ...someInterface, serial: "" };
	t.deepEqual(identityOf(nameless, [{ ...pin, serial: "" }]), { kind: "Unpinned", why: "NoSerial" });
	t.is(
		identityOf({ ...someInterface, descriptorHash: "" }, [{ ...pin, descriptorHash: "" }]).kind,
		"Unpinned",
	);
	// Two that have no product name have not the same one
	const unnamed = { ...someInterface, ...strange, product: "" };
	t.deepEqual(identityOf(unnamed, [{ ...pin, product: "" }]), { kind: "Unpinned", why: "NoPin" });
	t.deepEqual(identityOf({ ...someInterface, ...strange }, [pin]), { kind: "Unpinned", why: "NoPin" });
	t.deepEqual(identityOf(someInterface, []), { kind: "Unpinned", why: "NoPin" });
});

test("whatever else is plugged in, pinned is exactly who is as some pin says", (t) => {
	const text = fc.constantFrom("", "a", "b", "A");
	const parts = { serial: text, product: text, descriptorHash: text };
	fc.assert(
		fc.property(fc.record(parts), fc.array(fc.record(parts), { maxLength: 4 }), (info, pins) => {
			const { kind } = identityOf({ ...someInterface, ...info }, pins);
			const expected = pins.some(
				({ serial, product, descriptorHash }) =>
					serial !== "" &&
					descriptorHash !== "" &&
					serial === info.serial &&
					product === info.product &&
					descriptorHash.toLowerCase() === info.descriptorHash.toLowerCase(),
			);
			t.is(kind === "Pinned", expected);
		}),
	);
});
