import type { Entry } from "../entry.ts";
import type { Finding } from "./finding.ts";
import type { Cosigned } from "./trust.ts";

/** How much is verified. */
export type Level =
	/** That nothing has changed since the log signed it: every object and every hash. What entries say is not looked at. */
	| "hashes"
	/** All: also every signature, what each entry says, clocks, counters, keys, and every bundle. */
	| "signatures";

/** What to verify beyond what every verification does. */
export type VerifyOptions = {
	/** Signed notes of the log that somebody kept: it must have grown from each of them. */
	readonly remembered?: readonly string[];
	/**
	 * What time it was when the trail was fetched (milliseconds since 1970): writers must have been heard of up to then. Left out: up to
	 * what others have said last.
	 */
	readonly at?: number;
	/** Least time that objects must be locked from when they were written: seconds. */
	readonly retentionSeconds?: number;
	/** How long rounds that were under way when the trail was listed may take to end: where a log goes on meanwhile. By default 0. */
	readonly settleMilliseconds?: number;
	/** By default `signatures`. */
	readonly level?: Level;
	/** Threads that examine rounds; by default as many as there are processors, and none for a short log. */
	readonly threads?: number;
	/** Told after each round. */
	readonly onProgress?: (done: number, of: number) => void;
	/**
	 * Gets each entry that the log has signed and of which nobody doubts who wrote it, in order; none where only hashes are verified.
	 * What is wrong with its time or its counter does not hide it.
	 */
	readonly onEntry?: (entry: Entry, index: number) => void;
};

/** What was found. */
export type Report = {
	readonly level: Level;
	readonly findings: readonly Finding[];
	/** Entries that were read. */
	readonly size: number;
	/** Over them. */
	readonly root: Buffer;
	readonly checkpoints: number;
	/** Of the last checkpoint. */
	readonly witnesses: readonly Cosigned[];
};
