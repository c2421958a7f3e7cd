import type { Action, Column } from "./vocabulary.ts";

/** One row of the preset table: the action of each column. */
export type ActionTable = Readonly<Record<Column, Action>>;

/**
 * What each mode does to a target that names a preset and overrides nothing. The one source: core decides by
 * it, and the policies carry it as a CEL map.
 */
export const presets = {
	/** One process that decides and trades. */
	Bot: { Normal: "Run", Pause: "Signal", Reduce: "Signal", Emergency: "Signal", Freeze: "Stop" },
	/** Decides, does not hold the orders. */
	Strategy: { Normal: "Run", Pause: "Signal", Reduce: "Signal", Emergency: "Stop", Freeze: "Stop" },
	/** Talks to the venue. Where `spec.flat` is set it goes on in Emergency until the desk is flat, or to the deadline. */
	Gateway: { Normal: "Run", Pause: "Keep", Reduce: "Keep", Emergency: "Stop", Freeze: "Stop" },
	/** Watches risk, opens nothing: goes on, always. */
	Risk: { Normal: "Run", Pause: "Keep", Reduce: "Keep", Emergency: "Keep", Freeze: "Keep" },
	/** Closes positions; runs only while the others are stopped. */
	Liquidator: { Normal: "Stop", Pause: "Stop", Reduce: "Start", Emergency: "Start", Freeze: "Stop" },
} as const satisfies Readonly<Record<string, ActionTable>>;

/** Name of a row of {@link presets}. */
export type PresetName = keyof typeof presets;
/** The names of {@link presets}, in their order. */
export const presetNames = Object.keys(presets) as readonly PresetName[];

/** What holds for a target without a preset where it names no action of its own. */
export const noPreset: ActionTable = {
	Normal: "Run",
	Pause: "Stop",
	Reduce: "Stop",
	Emergency: "Stop",
	Freeze: "Stop",
};

/** How much an action takes away. */
export const actionSeverity: Readonly<Record<Action, number>> = {
	Run: 0,
	Keep: 1,
	Signal: 2,
	Start: 3,
	Stop: 4,
};

/** The columns in which a target that is told by permits may have new pods: they start without one, paused. */
export const signalledStarts = ["Pause", "Reduce"] as const satisfies readonly Column[];

/** Seconds from Emergency to Stop, for a target that is told or kept until then and names no time of its own. */
export const defaultDeadlineSeconds = 60;
