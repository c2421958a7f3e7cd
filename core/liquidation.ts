import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { matches } from "./selector.ts";
import type { TargetState } from "./targets.ts";

/** Whether what closes positions, where it is to run, finds a gateway to the venue that is Ready. */
export function liquidationImpossible({ observed, now }: Facts, states: readonly TargetState[]): Finding {
	const found = (status: Finding["status"], reason: string, message: string) =>
		finding("LiquidationImpossible", status, reason, message);
	const starting = states.filter(({ action }) => action === "Start");
	if (starting.length === 0) return found("False", "NotWanted", "no target is to be started");
	const gateways = states.filter(({ spec }) => spec.preset === "Gateway");
	if (gateways.length === 0) return found("Unknown", "NoGateway", "no target has the preset Gateway");
	const ready = observed.pods.filter(
		(pod) =>
			pod.ready === true &&
			pod.stopping === undefined &&
			gateways.some(({ spec }) => matches(spec.selector, pod.labels)),
	);
	const names = gateways.map(({ spec }) => spec.name).join(", ");
	return ready.length > 0
		? found("False", "GatewayReady", `${ready.length} pods of target ${names} are Ready, seen at ${now}`)
		: found(
				"True",
				"GatewayNotReady",
				`no pod of target ${names} is Ready: close positions at the venue by hand`,
			);
}
