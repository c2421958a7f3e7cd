import { reduceDefaults, signalDefaults } from "../crds/defaults.ts";
import type { TargetSpec, TradingSafetySpec } from "../crds/spec.ts";
import type { Column } from "../crds/vocabulary.ts";
import { permissionsOf } from "./permissions.ts";
import type { Duties, Permit } from "./permit.ts";

/** A version of a desk, as far as permits speak of it. */
export type DeskVersion = {
	readonly metadata: { readonly namespace?: string; readonly uid: string; readonly generation?: number };
	readonly spec: Pick<TradingSafetySpec, "reason" | "reduce" | "liquidation">;
};

/**
 * The permit that pods of a target get of this version of the desk. Without `challenge` it can only take away, and is
 * the same for every pod.
 */
export function permitFor(
	{ metadata, spec }: DeskVersion,
	{ name, signal }: Pick<TargetSpec, "name" | "signal">,
	column: Column,
	challenge?: string,
): Permit {
	return {
		version: 1,
		kind: "Permit",
		desk: { namespace: metadata.namespace ?? "", uid: metadata.uid, generation: metadata.generation ?? 0 },
		target: name,
		mode: column,
		permissions: permissionsOf(column),
		duties: dutiesOf(column, spec.reduce),
		...(spec.liquidation !== undefined && { limits: spec.liquidation }),
		reason: spec.reason ?? "",
		ttlMilliseconds: ttlMilliseconds(signal),
		...(challenge !== undefined && { challenge }),
	};
}

/** How long permits of a target live. */
export function ttlMilliseconds(signal: TargetSpec["signal"]): number {
	return 1000 * (signal?.ttlSeconds ?? signalDefaults.ttlSeconds);
}

function dutiesOf(column: Column, reduce: TradingSafetySpec["reduce"]): Duties {
	switch (column) {
		case "Normal":
		case "Pause":
			return {};
		case "Reduce": {
			const percent = reduce?.stopTightenPercent ?? reduceDefaults.stopTightenPercent;
			return {
				flatten: { overSeconds: reduce?.overSeconds ?? reduceDefaults.overSeconds },
				...(percent > 0 && { tightenStopsPercent: percent }),
			};
		}
		case "Emergency":
			return { cancelAll: true, flatten: { overSeconds: 0 } };
		case "Freeze":
			return { cancelAll: true };
	}
}
