import { randomUUID } from "node:crypto";
import { estopDefaults } from "../crds/defaults.ts";
import type { Mode } from "../crds/vocabulary.ts";
import type { Fault } from "./button.ts";
import type { Device } from "./device.ts";
import { identityOf } from "./devices/pinned.ts";
import type { HidInterface } from "./devices/profile.ts";
import { type DeskMap, pinsOf } from "./pins.ts";
import type { Raise } from "./raise.ts";

/** What {@link Standing} looks at, and how it raises. */
export type StandingOptions = {
	readonly desks: () => DeskMap;
	/** True while a device of this serial is open. */
	readonly isThere: (serial: string) => boolean;
	/** True while a press of this device does not raise this desk. */
	readonly isLent: (serial: string, namespace: string) => boolean;
	/** RFC 3339. */
	readonly now: () => string;
	/** Resolves when the desk shows it. */
	readonly raise: (namespace: string, raise: Raise) => Promise<void>;
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
	/** Serials of pinned devices that were open in this process. */
	readonly #seenHere = new Set<string>();

	constructor(options: StandingOptions) {
		this.#options = options;
	}

	/** Raises each desk by what stands at a device and was not raised there yet; each promise ends when its desk shows it. */
	look({ info, state }: Pick<Device, "info" | "state">): readonly Promise<void>[] {
		const identity = identityOf(info, pinsOf(this.#options.desks()));
		switch (identity.kind) {
			case "Unpinned":
				return [];
			case "Impostor":
				return identity.of.flatMap(({ pin, differs }) => {
					if (!this.#takesPlace(pin.serial, differs)) return [];
					const detail = { pinned: pin.serial, differs: differs.join() };
					return this.#raiseOnce(info, pin.namespace, "Impostor", detail);
				});
			case "Pinned": {
				this.#seenHere.add(info.serial);
				const stands = tampering.filter((fault) => state.faults.includes(fault));
				return identity.pins.flatMap(({ namespace }) => [
					...(state.pressed && !this.#options.isLent(info.serial, namespace)
						? this.#raiseOnce(info, namespace, "Button", undefined)
						: []),
					...stands.flatMap((fault) => this.#raiseOnce(info, namespace, fault, undefined)),
				]);
			}
		}
	}

	/** What ended may begin anew. */
	end(path: string, what: Fault | "Button"): void {
		this.#raised.delete(keyOf(path, what));
	}

	/** The device at this path is gone. */
	forget(path: string): void {
		for (const key of this.#raised.keys()) if (key.startsWith(`${path} `)) this.#raised.delete(key);
	}

	/** Another one of the same kind may be anybody's spare, unless the pinned one was here and is gone. */
	#takesPlace(serial: string, differs: readonly string[]): boolean {
		return !differs.includes("serial") || (this.#seenHere.has(serial) && !this.#options.isThere(serial));
	}

	#raiseOnce(
		info: HidInterface,
		namespace: string,
		what: What,
		detail: Readonly<Record<string, string>> | undefined,
	): readonly Promise<void>[] {
		const key = keyOf(info.path, what);
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
