import type { HidInterface } from "./profile.ts";

/** A device as desks name it, in `spec.estop.devices`. */
export type Pin = {
	readonly serial: string;
	readonly product: string;
	readonly descriptorHash: string;
	/** The numbers that it had when it was last seen; absent while it was not. Desks do not pin them. */
	readonly seen?: { readonly vendorId: number; readonly productId: number };
};

const compared = ["serial", "product", "descriptorHash"] as const;
/** What of a device is not as pinned. */
export type Difference = (typeof compared)[number];

/** Whether an interface is a device that some desk relies on. */
export type Identity<P extends Pin = Pin> =
	/** `pins`: each that names it, since several desks may. */
	| { readonly kind: "Pinned"; readonly pins: readonly P[] }
	/** `NoSerial`: it cannot be pinned, others of its kind look the same. */
	| { readonly kind: "Unpinned"; readonly why: "NoPin" | "NoSerial" }
	/** It takes the place of pinned ones, and is none of them. */
	| { readonly kind: "Impostor"; readonly of: readonly Imposture<P>[] };

/** A pinned device, and where the other one is not the same. */
export type Imposture<P extends Pin = Pin> = { readonly pin: P; readonly differs: readonly Difference[] };

/**
 * Who this is. Serial, product and descriptor must all be as pinned; vendor and product number count for nothing by
 * themselves, since everybody can use them. Who has the serial of a pinned device, or else its numbers or its product
 * name, but not the rest, is an impostor: also a spare one of the same kind, until it is pinned.
 */
export function identityOf<P extends Pin>(info: HidInterface, pins: readonly P[]): Identity<P> {
	// An empty serial pins nothing: each device without one would do. Nor does a descriptor that could not be read.
	const real = pins.filter((pin) => pin.serial !== "" && pin.descriptorHash !== "");
	const exact = real.filter((pin) => differences(info, pin).length === 0);
	if (exact.length > 0) return { kind: "Pinned", pins: exact };
	const sameSerial = real.filter((pin) => pin.serial === info.serial);
	const alike = sameSerial.length > 0 ? sameSerial : real.filter((pin) => isSameKind(info, pin));
	if (alike.length > 0) {
		return { kind: "Impostor", of: alike.map((pin) => ({ pin, differs: differences(info, pin) })) };
	}
	return { kind: "Unpinned", why: info.serial === "" ? "NoSerial" : "NoPin" };
}

function isSameKind(info: HidInterface, pin: Pin): boolean {
	const hasSameNumbers = pin.seen?.vendorId === info.vendorId && pin.seen.productId === info.productId;
	return hasSameNumbers || (pin.product !== "" && pin.product === info.product);
}

function differences(info: HidInterface, pin: Pin): readonly Difference[] {
	return compared.filter((field) => normal(field, info[field]) !== normal(field, pin[field]));
}

function normal(field: Difference, text: string): string {
	return field === "descriptorHash" ? text.toLowerCase() : text;
}
