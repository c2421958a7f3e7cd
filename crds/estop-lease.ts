import { createHash } from "node:crypto";
import { apiGroup } from "./vocabulary.ts";

/** Label of the Leases by which sidecars say how their devices are. */
export const estopLabel = `${apiGroup}/estop`;

/** Annotations of such a Lease, by what they say. */
export const estopAnnotations = {
	serial: `${apiGroup}/serial`,
	product: `${apiGroup}/product`,
	descriptorHash: `${apiGroup}/descriptor-hash`,
	profile: `${apiGroup}/profile`,
	/** `Untested` or `Hardware`. */
	tested: `${apiGroup}/tested`,
	/** Why a press may not get through, with `; ` between; empty: it is armed. */
	notArmed: `${apiGroup}/not-armed`,
	/** Faults that stand, with `,` between. */
	faults: `${apiGroup}/faults`,
	/** `true` while the button is down. */
	pressed: `${apiGroup}/pressed`,
	/** How often its host asks it, in milliseconds; empty where that is not known. */
	interval: `${apiGroup}/interval-milliseconds`,
	/** Of its bus, in Mbit/s; empty where that is not known. */
	speed: `${apiGroup}/speed-megabits`,
	/** RFC 3339: when a report last said something new. */
	lastReport: `${apiGroup}/last-report`,
	/** RFC 3339: when a press last was a proof test, and was seen to come through. */
	lastProofTest: `${apiGroup}/last-proof-test`,
	/** The desks that a press does not raise at this moment, since it is tested; with `,` between. */
	testing: `${apiGroup}/testing`,
	/** Written by people: each new value silences the buzzer, until something is raised again. */
	silence: `${apiGroup}/silence`,
	/** RFC 3339. */
	lastPress: `${apiGroup}/last-press`,
	/** How its record stands: `Current`, `Behind: why`, `Failing: why`; absent where none is kept. */
	record: `${apiGroup}/record`,
	/** `true` where the sidecar ended on purpose, as in a rollout. */
	ended: `${apiGroup}/ended`,
} as const;

/** Name of the Lease of a device: serials may have any letters. */
export function estopLeaseName(serial: string): string {
	return `tradingsafety-estop-${createHash("sha256").update(serial).digest("hex").slice(0, 16)}`;
}
