import type { Rhythm } from "./profile.ts";

/** In quarters of a second: what each part of a period shows. A quarter is the finest step, so Fast is twice a second. */
const parts: Readonly<Record<Rhythm, readonly boolean[]>> = {
	Steady: [true],
	Slow: [true, true, false, false],
	Fast: [true, false],
	Double: [true, false, true, false, false, false, false, false],
};

/** Whether a light that the host switches is on in this quarter of a second. */
export function isLit(rhythm: Rhythm, tick: number): boolean {
	const period = parts[rhythm];
	return period[tick % period.length] ?? true;
}
