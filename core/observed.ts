import type { Labels } from "./selector.ts";

/** What is known of one pod. */
export type Pod = {
	readonly name: string;
	readonly uid: string;
	readonly labels: Labels;
	/** Set once it was told to stop: seconds of grace it was given. */
	readonly stopping?: { readonly graceSeconds: number };
	/** True when a controller owns it and would make another. */
	readonly owned: boolean;
	readonly node?: string;
};

/** What is known of one workload. Kinds differ in how they are read and scaled, not in what is decided. */
export type Workload = {
	readonly apiVersion: string;
	readonly kind: string;
	readonly name: string;
	readonly uid: string;
	/** When it was made, RFC 3339, by the API server's clock. Absent: unknown, and taken for new. */
	readonly createdAt?: string;
	/** Labels of its pod template. */
	readonly labels: Labels;
	/** spec.replicas. */
	readonly replicas: number;
	/** Replicas that are up to date and Ready, as its controller reports for the current generation. */
	readonly ready: number;
};

/** What is known of one RestoreRecord. */
export type Recorded = {
	/** Name of the record: the UID of the workload. */
	readonly workloadUid: string;
	readonly kind: string;
	readonly name: string;
	readonly replicas: number;
	readonly target: string;
	/** The last generation of the desk that found the workload stopped. */
	readonly heldAt: number;
	/** For deleting exactly what was seen. */
	readonly uid: string;
	readonly resourceVersion: string;
};

/** A replica's view of one namespace. */
export type Observed = {
	readonly pods: readonly Pod[];
	readonly workloads: readonly Workload[];
	/** By UID of the workload. */
	readonly records: ReadonlyMap<string, Recorded>;
};
