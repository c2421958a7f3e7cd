import type { Entry } from "../entry.ts";
import type { Signed } from "../format/leaf.ts";
import type { Finding } from "./finding.ts";
import type { Cosigned } from "./trust.ts";

/** What to verify beyond what every verification does. */
export type VerifyOptions = {
	/** Signed notes of the log that somebody kept: it must have grown from each of them. */
	readonly remembered?: readonly string[];
	/** What time it was when the trail was fetched (milliseconds since 1970): writers must have been heard of up to then. */
	readonly at?: number;
	/** Least time that objects must be locked from when they were written: seconds. */
	readonly retentionSeconds?: number;
	/** False: hashes and order only. */
	readonly withSignatures?: boolean;
	/** Told after each round. */
	readonly onProgress?: (done: number, of: number) => void;
	/** Gets each entry that was verified, in order. */
	readonly onEntry?: (entry: Entry, index: number, signed: Signed) => void;
};

/** What was found. */
export type Report = {
	readonly findings: readonly Finding[];
	/** Entries that were read. */
	readonly size: number;
	/** Over them. */
	readonly root: Buffer;
	readonly checkpoints: number;
	/** Of the last checkpoint. */
	readonly witnesses: readonly Cosigned[];
};
