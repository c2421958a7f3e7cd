import { randomUUID } from "node:crypto";
import { estopDefaults } from "../crds/defaults.ts";
import type { Mode } from "../crds/vocabulary.ts";
import { type Fault, faults } from "./button.ts";
import type { Device } from "./device.ts";
import { type Identity, identityOf, type Pin } from "./devices/pinned.ts";
import type { HidInterface } from "./devices/profile.ts";
import { type DeskMap, type DeskPin, pinsOf } from "./pins.ts";
import type { Raise } from "./raise.ts";
import type { DeskRaise } from "./unshown.ts";

/** A raise that was asked for. `shown` resolves when the desk shows it. */
export type Raised = DeskRaise & { readonly shown: Promise<void> };

/** What {@link Standing} looks at, and how it raises. */
export type StandingOptions = {
	readonly desks: () => DeskMap;
	/** False until every desk was seen once since this process began. */
	readonly areDesksKnown: () => boolean;
	/** True while a device of this serial is open. */
	readonly isThere: (serial: string) => boolean;
	/** True while a press of this device does not raise this desk. */
	readonly isLent: (serial: string, namespace: string) => boolean;
	/** RFC 3339. */
	readonly now: () => string;
	readonly raise: (namespace: string, raise: Raise) => Raised;
};

type What = Fault | "Button" | "Impostor";

/** The faults that raise by themselves; the others make a device count as lost. */
const tampering: readonly Fault[] = ["Tampered", "Discrepancy"];

/**
 * What stands at devices raises each desk that relies on them, once: again when it has ended and begins anew, and at a desk
 * that begins to rely on the device while it stands.
 */
export class Standing {
	readonly #options: StandingOptions;
	/** By device and kind: the desks that were raised already. */
	readonly #raised = new Map<string, Set<string>>();
	/** By serial: pinned devices that were open in this process, and their numbers. */
	readonly #seenHere = new Map<string, NonNullable<Pin["seen"]>>();
	/** Paths of devices that were pressed before anybody knew which desks pin them. */
	readonly #early = new Set<string>();
	/** What is there in the place of pinned devices: where, and the serials of these. */
	readonly #impostors = new Map<string, { readonly path: string; readonly of: Set<string> }>();
	/** What was listed last. */
	#listed: ReadonlySet<string> = new Set();

	constructor(options: StandingOptions) {
		this.#options = options;
	}

	/** Raises each desk by what stands at a device and was not raised there yet; each is shown when its desk shows it. */
	look({ info, state }: Pick<Device, "info" | "state">): readonly Raised[] {
		const areDesksKnown = this.#options.areDesksKnown();
		if (state.pressed && !areDesksKnown) this.#early.add(info.path);
		const raises = this.#raisesOf({ info, state });
		// Who pins it from now on did not when it was pressed.
		if (areDesksKnown) this.#early.delete(info.path);
		return raises;
	}

	/** Raises by what is in the place of a pinned device, also where nobody can speak with it. `found`: all that is there. */
	lookAround(found: readonly HidInterface[]): void {
		// One that goes while it is read may have lost half of its name.
		const staying = found.filter((info) => info.descriptorHash !== "" && this.#listed.has(nameOf(info)));
		this.#listed = new Set(found.map(nameOf));
		for (const [name, { of }] of this.#impostors) {
			// The pinned one may be back, and this a spare again.
			of.clear();
			if (this.#listed.has(name)) continue;
			this.#impostors.delete(name);
			this.#raised.delete(name);
		}
		for (const info of staying) this.#lookAtImpostor(info);
	}

	#raisesOf({ info, state }: Pick<Device, "info" | "state">): readonly Raised[] {
		const identity = this.#identityOf(info);
		if (identity.kind !== "Pinned") return this.#lookAtImpostor(info);
		const { vendorId, productId } = info;
		this.#seenHere.set(info.serial, { vendorId, productId });
		const stands = tampering.filter((fault) => state.faults.includes(fault));
		const raise = (namespace: string, what: What) =>
			this.#raiseOnce(info, namespace, what, keyOf(info.path, what));
		return identity.pins.flatMap(({ namespace }) => [
			...(state.pressed && !this.#options.isLent(info.serial, namespace) ? raise(namespace, "Button") : []),
			...(!state.pressed && this.#early.has(info.path) ? raise(namespace, "Button") : []),
			...stands.flatMap((fault) => raise(namespace, fault)),
		]);
	}

	#lookAtImpostor(info: HidInterface): readonly Raised[] {
		const identity = this.#identityOf(info);
		if (identity.kind !== "Impostor") return [];
		return identity.of.flatMap(({ pin, differs }) => {
			if (!this.#takesPlace(pin.serial, differs)) return [];
			const name = nameOf(info);
			const known = this.#impostors.get(name) ?? { path: info.path, of: new Set() };
			this.#impostors.set(name, { ...known, of: known.of.add(pin.serial) });
			const detail = { pinned: pin.serial, differs: differs.join() };
			return this.#raiseOnce(info, pin.namespace, "Impostor", name, detail);
		});
	}

	/** Where something is that claims to be the device of this serial. */
	impostorsOf(serial: string): readonly string[] {
		return [...this.#impostors.values()].flatMap(({ path, of }) => (of.has(serial) ? [path] : []));
	}

	/** What ended may begin anew. */
	end(path: string, what: Fault | "Button"): void {
		this.#raised.delete(keyOf(path, what));
	}

	/** The device at this path is gone. One that is in the place of another is, when it is not listed any more. */
	forget(path: string): void {
		this.#early.delete(path);
		for (const what of ["Button", ...faults]) this.#raised.delete(keyOf(path, what));
	}

	#identityOf(info: HidInterface): Identity<DeskPin> {
		const pins = pinsOf(this.#options.desks()).map((pin) => {
			const seen = this.#seenHere.get(pin.serial);
			return { ...pin, ...(seen !== undefined && { seen }) };
		});
		return identityOf(info, pins);
	}

	/** Another one of the same kind may be anybody's spare, unless the pinned one was here and is gone. */
	#takesPlace(serial: string, differs: readonly string[]): boolean {
		return !differs.includes("serial") || (this.#seenHere.has(serial) && !this.#options.isThere(serial));
	}

	#raiseOnce(
		info: HidInterface,
		namespace: string,
		what: What,
		key: string,
		detail?: Readonly<Record<string, string>>,
	): readonly Raised[] {
		const raised = this.#raised.get(key) ?? new Set();
		if (raised.has(namespace)) return [];
		this.#raised.set(key, raised.add(namespace));
		const estop = { ...estopDefaults, ...this.#options.desks().get(namespace)?.spec.estop };
		const mode: Mode = what === "Button" ? estop.onPress : estop.onTamper;
		if (mode === "Normal") return [];
		const trip = {
			id: randomUUID(),
			source: info.serial.slice(0, 256),
			at: this.#options.now(),
			type: what,
			...(detail !== undefined && { detail }),
		};
		return [this.#options.raise(namespace, { mode, trip })];
	}
}

const keyOf = (path: string, what: string) => `${path} ${what}`;
const nameOf = ({ path, serial, product, descriptorHash }: HidInterface) =>
	JSON.stringify([path, serial, product, descriptorHash]);
