import { apiGroup, apiVersion, deskName } from "../crds/vocabulary.ts";
import type { EventRecorder } from "../kube/events.ts";
import type { DeskMap } from "./pins.ts";

/** Reasons of the events of sidecars. */
export const reasons = {
	pressed: "EstopPressed",
	released: "EstopReleased",
	fault: "EstopFault",
	faultEnded: "EstopFaultEnded",
	gone: "EstopGone",
	opened: "EstopOpened",
	impostor: "EstopImpostor",
	deleted: "EstopDeletedPod",
	proofTest: "EstopProofTest",
} as const;

/** Writes an event about each of these desks. */
export function tellDesks(
	events: Pick<EventRecorder, "record">,
	desks: DeskMap,
	event: { readonly type: "Normal" | "Warning"; readonly reason: string; readonly note: string },
): void {
	for (const [namespace, { metadata }] of desks) {
		events.record({
			...event,
			action: "Estop",
			regarding: {
				...{ apiVersion: `${apiGroup}/${apiVersion}`, kind: "TradingSafety", name: deskName, namespace },
				...(metadata.uid !== undefined && { uid: metadata.uid }),
			},
		});
	}
}
