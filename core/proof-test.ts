import type { TradingSafety } from "../crds/types.ts";
import { rank } from "./modes.ts";

/** For so long at most a press may be kept from a desk that pins the device. */
export const testSeconds = 60;

/**
 * True until `testUntil` (RFC 3339), for {@link testSeconds} at most: a time further ahead is a mistake or a wrong clock,
 * and counts for nothing. `now` in milliseconds since 1970; `seenFor`: since when this value is known, in seconds of a
 * monotonic clock.
 */
export function isLent(testUntil: string | undefined, now: number, seenFor: number): boolean {
	const left = (Date.parse(testUntil ?? "") - now) / 1_000;
	return left > 0 && left <= testSeconds && seenFor <= testSeconds;
}

/**
 * True for a desk in Emergency that says so of its present generation, and where nothing says that it is not flat: a press
 * costs nothing there, so that it is a proof test.
 */
export function isHaltedAndFlat({ metadata, spec, status }: TradingSafety): boolean {
	const condition = (type: string) => status?.conditions?.find((one) => one.type === type);
	const confirmed = condition("Confirmed");
	const flat = condition("Flat");
	return (
		rank(spec.mode ?? "Normal") >= rank("Emergency") &&
		status?.modeInForce === "Emergency" &&
		confirmed?.status === "True" &&
		confirmed.observedGeneration === metadata.generation &&
		(flat === undefined || flat.status === "True" || flat.reason === "NotConfigured")
	);
}
