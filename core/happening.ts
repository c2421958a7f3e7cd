import type { TradingSafety } from "../crds/types.ts";
import { observes } from "./enforcement.ts";
import { modeOf } from "./modes.ts";

/** Kinds of entries of the record that tell of a desk. Those of audit/entry.ts. */
export type HappeningKind =
	| "Transition"
	| "Intervention"
	| "Trip"
	| "Reset"
	| "Override"
	| "Configuration"
	| "Claim"
	| "Exception";

/** A state of a desk, as entries tell it. */
export type RecordedState = {
	readonly generation: number;
	/** Absent of a state that is known by what status remembers. */
	readonly resourceVersion?: string;
	readonly values: Readonly<Record<string, string>>;
};

/** One field that changed. Values are JSON. */
export type RecordedChange = { readonly path: string; readonly from?: string; readonly to?: string };

/** Something about a desk that is to be recorded: an entry without what whoever records it adds. */
export type Happening = {
	readonly kind: HappeningKind;
	readonly action: string;
	/** What every replica that sees the same gives the same: it becomes the id of the entry. */
	readonly sameAs: string;
	readonly actor: { readonly name: string; readonly via?: string };
	readonly entity: { readonly type: string; readonly id: string; readonly uid: string };
	readonly justification?: string;
	readonly before?: RecordedState;
	readonly after?: RecordedState;
	readonly changes?: readonly RecordedChange[];
	readonly metadata?: Readonly<Record<string, string>>;
};

/** Of somebody who could not be told. */
export const unknownActor = "unknown";
/** What stands where a person gave no reason: a raise needs none. */
export const noReason = "none was given";

const longest = { name: 253, text: 4_096 } as const;

/** The start of a text that fits a field of an entry; never half a character. */
export function clip(text: string, most: number = longest.text): string {
	return text.toWellFormed().slice(0, most).toWellFormed();
}

/** What is recorded of who did something. */
export function actorOf(name: string | undefined, via?: string): Happening["actor"] {
	const known = name === undefined || name === "" ? unknownActor : clip(name, longest.name);
	return { name: known, ...(via !== undefined && via !== "" && { via: clip(via, longest.name) }) };
}

/** The desk, as entries name it. */
export function entityOf({ metadata: { namespace = "", name, uid } }: TradingSafety): Happening["entity"] {
	return { type: "TradingSafety", id: `${namespace}/${name}`, uid };
}

/** What an entry tells of how the desk stands: what makes it more or less severe, and what is confirmed. */
export function recordedState({ metadata, spec, status }: TradingSafety): RecordedState {
	const own = Object.entries(spec.targetModes ?? {});
	return {
		generation: metadata.generation ?? 0,
		resourceVersion: metadata.resourceVersion,
		values: {
			mode: modeOf(spec.mode),
			freeze: String(spec.freeze === true),
			enforcement: observes(spec) ? "Observe" : "Enforce",
			...(own.length > 0 && { targetModes: clip(JSON.stringify(spec.targetModes)) }),
			...(status?.modeInForce !== undefined && { inForce: status.modeInForce }),
		},
	};
}

/** What names a happening of this desk at one generation. */
export function witnessed(
	{ metadata: { uid, generation } }: TradingSafety,
	...what: readonly unknown[]
): string {
	return [uid, generation ?? 0, ...what].join("|");
}

/** Values that can stand in `metadata` of an entry; those that are not there are left out. */
export function details(
	values: Readonly<Record<string, string | number | boolean | undefined>>,
): Readonly<Record<string, string>> {
	const known = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
	return Object.fromEntries(known.map(([name, value]) => [clip(name, 63), clip(String(value))]));
}

/** What an entry is about, and what names it: of one kind and action there is one at each generation, unless `more` tells them apart. */
export function about(
	desk: TradingSafety,
	kind: HappeningKind,
	action: string,
	...more: readonly string[]
): Pick<Happening, "kind" | "action" | "sameAs" | "entity"> {
	return { kind, action, sameAs: witnessed(desk, kind, action, ...more), entity: entityOf(desk) };
}

/** A field that changed, as it was and is; undefined: it was not there. */
export function change(path: string, from: unknown, to: unknown): RecordedChange {
	return {
		path: clip(path, 512),
		...(from !== undefined && { from: clip(JSON.stringify(from)) }),
		...(to !== undefined && { to: clip(JSON.stringify(to)) }),
	};
}
