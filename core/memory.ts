import type { TradingSafetyStatus } from "../crds/status.ts";
import type { TradingSafety } from "../crds/types.ts";
import { type Column, type Mode, modes } from "../crds/vocabulary.ts";
import { observes } from "./enforcement.ts";
import { modeOf, moreSevere, rank } from "./modes.ts";
import { stateWord } from "./sighting.ts";
import { targetStates } from "./targets.ts";
import { isPlausibleTime, laterTime } from "./times.ts";

/** `status.regressed`. */
export type Regression = NonNullable<TradingSafetyStatus["regressed"]>;

/** How severe a desk stands: what must never become milder by itself. */
export type Severity = {
	readonly mode: Mode;
	readonly freeze: boolean;
	/** Targets that were raised by themselves. */
	readonly targetModes: Readonly<Record<string, Mode>>;
	/** False while the desk only observes. */
	readonly enforces: boolean;
};

/** What a replica keeps of a desk, whatever becomes of the cluster's own memory. */
export type Remembered = Severity & {
	readonly uid: string;
	readonly generation: number;
	/** The version in which this was first seen: everything that comes after it has a later one. */
	readonly resourceVersion: string;
	/** By target: workloads made up to this time had their record (RFC 3339, the API server's clock). */
	readonly recordedAt: Readonly<Record<string, string>>;
	/** When it was last raised (RFC 3339), while it is halted. */
	readonly raisedAt?: string;
	readonly regressed?: Regression;
	/** True until a status was seen that carries `regressed`. */
	readonly untold?: boolean;
	/** When it was last changed, for people. */
	readonly time: string;
};

/**
 * What it takes to be as severe again as remembered, and what was found instead. All but `enforces` is a raise;
 * that one is a matter of configuration, which only a person may change.
 */
export type Recovery = Partial<Severity> & { readonly remembered: string; readonly found: string };

/** What to remember from now on and, where history went back to something milder, how to mend it. */
export type Recollection = { readonly memory: Remembered; readonly recovery?: Recovery };

/**
 * Holds a desk as read against what is remembered. History went back when the object is another, of an earlier
 * generation, or (`isOlder`) of an earlier resource version, or says something else of the same generation. Then
 * the more severe counts; otherwise the desk moved on, and the memory with it. A regression that was found
 * stays one until the desk is as severe again, however often somebody patches it meanwhile.
 */
export function recollect(
	memory: Remembered | undefined,
	desk: TradingSafety,
	isOlder: boolean,
	now: string,
): Recollection {
	const { uid, generation = 0 } = desk.metadata;
	const found = severityOf(desk);
	if (memory === undefined) return { memory: remember(desk, found, undefined, false, now) };
	const milder = milderParts(found, memory, desk);
	const wentBack =
		isOlder ||
		uid !== memory.uid ||
		generation < memory.generation ||
		(generation === memory.generation && milder !== undefined) ||
		memory.untold === true;
	if (!wentBack || milder === undefined) {
		return { memory: remember(desk, found, memory, wentBack, now) };
	}
	const words = { remembered: describe(memory, memory), found: describe(found, { uid, generation }) };
	const at = memory.untold === true ? (memory.regressed?.at ?? now) : now;
	return {
		memory: { ...memory, regressed: { at, generation, ...words }, untold: true },
		recovery: { ...milder, ...words },
	};
}

/** The desk with what its status has lost of what is remembered. */
export function recall(desk: TradingSafety, memory: Remembered): TradingSafety {
	const { status = {} } = desk;
	const rows = status.targets ?? [];
	const names = Object.keys(memory.recordedAt).filter(
		(name) => recordedAt(status, memory, name) !== rows.find((row) => row.name === name)?.recordedAt,
	);
	const untold = memory.untold === true && memory.regressed !== undefined;
	const last = status.trips?.last;
	const raisedAt = laterTime(last?.time, memory.raisedAt);
	const trip = raisedAt === undefined || raisedAt === last?.time ? undefined : { ...last, time: raisedAt };
	if (names.length === 0 && !untold && trip === undefined) return desk;
	const recalled = names.map((name) => {
		const row = rows.find((candidate) => candidate.name === name) ?? { name };
		const time = recordedAt(status, memory, name);
		return time === undefined ? row : { ...row, recordedAt: time };
	});
	return {
		...desk,
		status: {
			...status,
			...(untold && { regressed: memory.regressed }),
			...(trip && { trips: { ...status.trips, last: trip } }),
			...(names.length > 0 && {
				targets: [...rows.filter((row) => !names.includes(row.name)), ...recalled],
			}),
		},
	};
}

/** True when nothing is milder than how the desk stands: there is nothing to lose. */
export function isForgettable(memory: Remembered): boolean {
	return !isSevere(memory) && memory.regressed === undefined;
}

function isSevere({ mode, freeze, targetModes }: Severity): boolean {
	return mode !== "Normal" || freeze || Object.keys(targetModes).length > 0;
}

function severityOf({ spec }: TradingSafety): Severity {
	const own = Object.entries(spec.targetModes ?? {}).map(([name, mode]) => [name, modeOf(mode)] as const);
	return {
		mode: modeOf(spec.mode),
		freeze: spec.freeze === true,
		enforces: !observes(spec),
		targetModes: Object.fromEntries(own.filter(([, mode]) => mode !== modes[0])),
	};
}

/** What was more severe before; undefined when nothing was. A target that is no more cannot be raised. */
function milderParts(
	found: Severity,
	before: Severity,
	{ spec }: TradingSafety,
): Partial<Severity> | undefined {
	const mode = rank(found.mode) < rank(before.mode) ? before.mode : undefined;
	const freeze = before.freeze && !found.freeze;
	const known = new Set(spec.targets?.map((target) => target.name));
	const targetModes = Object.entries(before.targetModes).filter(([name, was]) => {
		const is: Column = moreSevere(
			moreSevere(found.mode, mode ?? "Normal"),
			found.targetModes[name] ?? "Normal",
		);
		return known.has(name) && rank(is) < rank(was);
	});
	const enforces = before.enforces && !found.enforces;
	if (mode === undefined && !freeze && !enforces && targetModes.length === 0) return undefined;
	return {
		...(mode && { mode }),
		...(enforces && { enforces }),
		...(freeze && { freeze }),
		...(targetModes.length > 0 && { targetModes: Object.fromEntries(targetModes) }),
	};
}

function remember(
	desk: TradingSafety,
	found: Severity,
	memory: Remembered | undefined,
	wentBack: boolean,
	now: string,
): Remembered {
	const { uid, generation = 0, resourceVersion } = desk.metadata;
	const stopped = targetStates(desk).filter((state) => !state.runs);
	const recorded = stopped.flatMap(({ spec: { name } }) => {
		const time = recordedAt(desk.status, memory, name);
		return time === undefined || !isPlausibleTime(time, now) ? [] : [[name, time] as const];
	});
	const trip = desk.status?.trips?.last?.time;
	const raisedAt = laterTime(isPlausibleTime(trip, now) ? trip : undefined, memory?.raisedAt);
	const next: Remembered = {
		uid,
		generation,
		resourceVersion,
		...found,
		recordedAt: Object.fromEntries(recorded),
		...(raisedAt !== undefined && isSevere(found) && { raisedAt }),
		...regressionOf(desk, memory, wentBack),
		time: now,
	};
	return memory !== undefined && isSame(memory, next) ? memory : next;
}

/** The regression that stands: what status says, unless it was not told yet or lost it with its history. */
function regressionOf(
	{ metadata, status }: TradingSafety,
	memory: Remembered | undefined,
	wentBack: boolean,
): Pick<Remembered, "regressed" | "untold"> {
	const told = status?.regressed;
	const owed = memory?.untold === true || wentBack ? memory?.regressed : undefined;
	const { generation = 0 } = owed ?? {};
	if (owed === undefined || (told !== undefined && generation <= (told.generation ?? 0))) {
		return told === undefined ? {} : { regressed: told };
	}
	// Of an object that was made anew generations count from 1.
	const found = Math.min(generation, metadata.generation ?? 0);
	return { regressed: { ...owed, generation: found }, untold: true };
}

/** Nothing to write down when only version and time differ. */
function isSame(a: Remembered, b: Remembered): boolean {
	const text = (memory: Remembered) => JSON.stringify({ ...memory, resourceVersion: "", time: "" });
	return text(a) === text(b);
}

function recordedAt(
	status: TradingSafetyStatus | undefined,
	memory: Remembered | undefined,
	name: string,
): string | undefined {
	const row = status?.targets?.find((target) => target.name === name);
	const own = memory?.recordedAt;
	return laterTime(row?.recordedAt, own !== undefined && Object.hasOwn(own, name) ? own[name] : undefined);
}

function describe(severity: Severity, { uid, generation }: { uid: string; generation: number }): string {
	const raised = Object.entries(severity.targetModes).map(([name, mode]) => `, ${name} in ${mode}`);
	const { mode, freeze, enforces } = severity;
	const word = stateWord({ mode, freeze, enforcement: enforces ? "Enforce" : "Observe" });
	const text = `${word} at generation ${generation}, uid ${uid}${raised.join("")}`;
	return text.slice(0, 256);
}
