import { apiGroup, apiVersion, deskName } from "../crds/vocabulary.ts";
import { pathOf } from "../kube/paths.ts";

const desks = { group: apiGroup, version: apiVersion, resource: "tradingsafeties" };

/** Path of all desks. */
export const desksPath = () => pathOf(desks);
/** Path of one desk. */
export const deskPath = (namespace: string) => pathOf({ ...desks, namespace, name: deskName });
/** Path of the pods of a namespace, or of one. */
export const podsPath = (namespace: string, name?: string) =>
	pathOf({ group: "", version: "v1", resource: "pods", namespace, name });
/** Path of a Lease, or of all of a namespace. */
export const leasePath = (namespace: string, name?: string) =>
	pathOf({ group: "coordination.k8s.io", version: "v1", resource: "leases", namespace, name });
