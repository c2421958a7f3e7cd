import type { RestoreRecordSpec } from "./restore-record.ts";
import type { TradingSafetySpec } from "./spec.ts";
import type { TradingSafetyStatus } from "./status.ts";

/** The parts of `metav1.ObjectMeta` that this project reads. */
export type ObjectMeta = {
	readonly name: string;
	readonly namespace?: string;
	readonly uid: string;
	readonly resourceVersion: string;
	readonly generation?: number;
	readonly creationTimestamp?: string;
	readonly deletionTimestamp?: string;
	readonly deletionGracePeriodSeconds?: number;
	readonly labels?: Readonly<Record<string, string>>;
	readonly annotations?: Readonly<Record<string, string>>;
};

/** The object that governs a namespace. */
export type TradingSafety = {
	readonly apiVersion: string;
	readonly kind: "TradingSafety";
	readonly metadata: ObjectMeta;
	readonly spec: TradingSafetySpec;
	readonly status?: TradingSafetyStatus;
};

/** What one workload looked like before it was stopped; named by the workload's UID. */
export type RestoreRecord = {
	readonly apiVersion: string;
	readonly kind: "RestoreRecord";
	readonly metadata: ObjectMeta;
	readonly spec: RestoreRecordSpec;
};
