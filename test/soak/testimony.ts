import type { TradingSafety } from "../../crds/types.ts";

// What a watcher saw, placed by resource versions of the API server, which order everything in the cluster. Where
// versions were lost, a thing lies between two of them.

type Labels = Readonly<Record<string, string>>;

/** The life of one pod. */
export type Life = {
	readonly name: string;
	readonly uid: string;
	readonly labels: Labels;
	/** It was not there at the first of these versions, and was at the second. */
	readonly createdAfter: number;
	readonly createdBy: number;
	/** When it had been told to stop. */
	toldBy?: number;
	/** It was still there at the first of these versions, and gone at the second. */
	goneAfter?: number;
	goneBy?: number;
};

/** The API server had this version when it answered a question: places versions in time. */
export type Marker = { readonly version: number; readonly askedAt: number; readonly answeredAt: number };

/** `gap`: versions between the one before and this one were lost. */
type At = { readonly at: number; readonly gap: boolean };

/** Everything that a watcher saw, in order. */
export type Testimony = {
	readonly lives: readonly Life[];
	readonly versions: readonly (At & { readonly desk: TradingSafety })[];
	readonly workloads: readonly (At & {
		readonly name: string;
		readonly uid: string;
		readonly labels: Labels;
		readonly replicas: number;
		readonly deleted: boolean;
	})[];
	readonly records: readonly {
		readonly at: number;
		readonly uid: string;
		readonly name: string;
		readonly workloadUid: string;
		readonly replicas: number;
		readonly deleted: boolean;
	}[];
	readonly markers: readonly Marker[];
};
