import type { Malformed, Reading } from "./devices/profile.ts";

/** What can be wrong with a device that is there. Each has its condition, its metric and its consequence. */
export const faults = ["Discrepancy", "Tampered", "Checksum", "Stale"] as const;
/**
 * Discrepancy: its two contacts contradict each other for too long. Tampered: its enclosure is open. Checksum: its
 * reports arrive damaged. Stale: it says nothing new.
 */
export type Fault = (typeof faults)[number];

/** One button, as its reports have shown it so far. Times in milliseconds of one monotonic clock. */
export type ButtonState = {
	/** From the first report that says so until it was released for {@link releaseMilliseconds}. */
	readonly pressed: boolean;
	readonly guardOpen: boolean;
	/** When a report last said something new; at first, when the device was opened. */
	readonly freshAt: number;
	readonly sequence?: number;
	/** Of a pressed one: since when every report says released. */
	readonly releasedAt?: number;
	/** Since when every report says that the contacts contradict each other. */
	readonly discrepantAt?: number;
	/** Since when every report says that the enclosure is open. */
	readonly tampered: boolean;
	/** Times of damaged reports, of the last {@link damageMilliseconds}. */
	readonly damagedAt: readonly number[];
	readonly faults: readonly Fault[];
};

/** What happened at a button. */
export type ButtonEvent =
	| { readonly kind: "Pressed" | "Released" }
	| { readonly kind: "FaultBegan" | "FaultEnded"; readonly fault: Fault };

/** Contacts bounce. A press counts at its first edge, a release only when nothing came back for so long. */
export const releaseMilliseconds = 50;
/** Two contacts of one button do not move at the same moment. */
export const discrepancyMilliseconds = 500;
/** So many damaged reports within this time are no accident. */
export const damageMilliseconds = 1_000;
const damagedAtMost = 2;

/** A button that was just opened. Pressed in its first report is a press. */
export function freshButton(now: number): ButtonState {
	return { pressed: false, guardOpen: false, freshAt: now, tampered: false, damagedAt: [], faults: [] };
}

/**
 * The state after a report, or after time has passed, and what that amounts to. `staleAfter`: without anything new for
 * so many milliseconds it is stale; undefined for devices that report changes only.
 */
export function buttonAfter(
	before: ButtonState,
	input: Reading | Malformed | { readonly kind: "Tick" },
	now: number,
	staleAfter: number | undefined,
): { readonly state: ButtonState; readonly events: readonly ButtonEvent[] } {
	// First what time has brought: a press right after a release that was long enough is another one.
	const settled = released(before, now);
	const told = input.kind === "Reading" ? afterReading(settled, input, now) : settled;
	const damaged = input.kind === "Malformed" ? [...told.damagedAt, now] : told.damagedAt;
	// What floods must not fill memory.
	const damagedAt = damaged.filter((at) => at > now - damageMilliseconds).slice(-damagedAtMost - 1);
	const seen = { ...told, damagedAt };
	const state = { ...seen, faults: faultsOf(seen, now, staleAfter) };
	return { state, events: [...eventsBetween(before, settled), ...eventsBetween(settled, state)] };
}

function released(before: ButtonState, now: number): ButtonState {
	const { releasedAt, ...rest } = before;
	return releasedAt !== undefined && now - releasedAt >= releaseMilliseconds
		? { ...rest, pressed: false }
		: before;
}

function afterReading(before: ButtonState, reading: Reading, now: number): ButtonState {
	const { releasedAt, discrepantAt, sequence: _old, ...rest } = before;
	const { sequence, pressed } = reading;
	// A controller that repeats what a program that hangs left behind says nothing new.
	const isNew = sequence === undefined || sequence !== before.sequence;
	const isReleasing = !pressed && before.pressed;
	return {
		...rest,
		pressed: before.pressed || pressed,
		guardOpen: reading.guardOpen === true,
		tampered: reading.tampered === true,
		freshAt: isNew ? now : before.freshAt,
		...(sequence !== undefined && { sequence }),
		...(isReleasing && { releasedAt: releasedAt ?? now }),
		...(reading.discrepant === true && { discrepantAt: discrepantAt ?? now }),
	};
}

function faultsOf(
	{ discrepantAt, tampered, damagedAt, freshAt, faults: before }: ButtonState,
	now: number,
	staleAfter: number | undefined,
): readonly Fault[] {
	const stands: Readonly<Record<Fault, boolean>> = {
		Discrepancy: discrepantAt !== undefined && now - discrepantAt > discrepancyMilliseconds,
		Tampered: tampered,
		// Once begun it ends when none came for the whole time.
		Checksum: damagedAt.length > (before.includes("Checksum") ? 0 : damagedAtMost),
		Stale: staleAfter !== undefined && now - freshAt > staleAfter,
	};
	return faults.filter((fault) => stands[fault]);
}

function eventsBetween(before: ButtonState, after: ButtonState): readonly ButtonEvent[] {
	const moved: readonly ButtonEvent[] =
		before.pressed === after.pressed ? [] : [{ kind: after.pressed ? "Pressed" : "Released" }];
	const begun = after.faults.filter((fault) => !before.faults.includes(fault));
	const ended = before.faults.filter((fault) => !after.faults.includes(fault));
	return [
		...moved,
		...begun.map((fault) => ({ kind: "FaultBegan", fault }) as const),
		...ended.map((fault) => ({ kind: "FaultEnded", fault }) as const),
	];
}
