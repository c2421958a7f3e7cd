import type { HidInterface } from "../../../sidecar/devices/profile.ts";

/** Bytes as documents write them. */
export function bytes(hex: string): Uint8Array {
	return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

/** As documents write them. */
export function hex(data: Uint8Array): string {
	return [...data].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** The checksum by long division of polynomials, bit by bit, as textbooks do it: another way than the product's. */
export function slowCrc(data: Uint8Array): number {
	const bits = [...data, 0].flatMap((byte, index) =>
		Array.from({ length: 8 }, (_, bit) => (((index === 0 ? byte ^ 0xff : byte) >> (7 - bit)) & 1) === 1),
	);
	const divisor = [1, 0, 0, 1, 0, 1, 1, 1, 1];
	for (let start = 0; start + divisor.length <= bits.length; start++) {
		if (bits[start] !== true) continue;
		for (const [step, one] of divisor.entries()) if (one === 1) bits[start + step] = !bits[start + step];
	}
	return bits.slice(-8).reduce((sum, bit) => sum * 2 + (bit ? 1 : 0), 0) ^ 0xff;
}

/** An interface of nothing in particular. */
export const someInterface: HidInterface = {
	path: "/dev/hidraw3",
	vendorId: 0x1209,
	productId: 0x0001,
	serial: "BOX-1",
	product: "Desk 1",
	usagePage: 0xff00,
	usage: 0x01,
	descriptorHash: "00",
};
