import type { TradingSafety } from "../crds/types.ts";
import { identityOf, type Pin } from "./devices/pinned.ts";
import type { HidInterface } from "./devices/profile.ts";

/** A device as a desk names it. `testUntil`: the desk lends it for a proof test. */
export type DeskPin = Pin & { readonly namespace: string; readonly testUntil?: string };

/** Desks by namespace. */
export type DeskMap = ReadonlyMap<string, TradingSafety>;

/** The devices that desks rely on. */
export function pinsOf(desks: DeskMap): readonly DeskPin[] {
	return [...desks].flatMap(([namespace, { spec }]) =>
		(spec.estop?.devices ?? []).map((device) => ({ ...device, namespace })),
	);
}

/** The desks that rely on exactly this device. */
export function desksOf(info: HidInterface, desks: DeskMap): DeskMap {
	const identity = identityOf(info, pinsOf(desks));
	const namespaces = identity.kind === "Pinned" ? identity.pins.map(({ namespace }) => namespace) : [];
	return new Map([...desks].filter(([namespace]) => namespaces.includes(namespace)));
}
