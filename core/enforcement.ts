import type { TradingSafetySpec } from "../crds/spec.ts";

/** True when a desk only warns and plans. Absent and unknown words mean Enforce, the more severe. */
export function observes(spec: TradingSafetySpec): boolean {
	return spec.enforcement === "Observe";
}

/** The same desk as if it enforced: what would be done. */
export function asEnforced<D extends { readonly spec: TradingSafetySpec }>(desk: D): D {
	return observes(desk.spec) ? { ...desk, spec: { ...desk.spec, enforcement: "Enforce" } } : desk;
}
