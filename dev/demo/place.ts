import { apiGroup, apiVersion, deskName } from "../../crds/vocabulary.ts";
import type { Client } from "../../kube/client.ts";
import { pathOf } from "../../kube/paths.ts";
import type { DeskPlan } from "./desk.ts";

/** Where a demo desk is and how it is looked at. */
export type Place = {
	/** Reads as the person who runs the demo. */
	readonly admin: Client;
	/** What the desk consists of. */
	readonly plan: DeskPlan;
	/** Namespace of the desk. */
	readonly namespace: string;
	/** Namespace of the lease of the operator that governs it. */
	readonly operatorNamespace: string;
	/** The spec of a pod of a workload called so. */
	readonly podSpec: (name: string) => object;
	/** How long a step may take: simulated pods are there at once, real ones are fetched and take time to end. */
	readonly patienceMilliseconds: number;
};

/** Path of the TradingSafety of the demo. */
export const deskPath = ({ namespace }: Pick<Place, "namespace">): string =>
	pathOf({ group: apiGroup, version: apiVersion, resource: "tradingsafeties", namespace, name: deskName });
