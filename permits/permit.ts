import type { Static } from "typebox";
import type { dutiesSchema, permitSchema } from "./decode.ts";

// Who only writes permits does not load what reads them: the sidecar has to be small.

/** No permit lives longer, whatever it says. */
export const longestTtlMilliseconds = 60_000;

/** One permit, or one raise: the body that is signed. Fields that are not known are left alone. */
export type Permit = Static<typeof permitSchema>;
/** What a permit tells a bot to do. */
export type Duties = Static<typeof dutiesSchema>;

/** The bytes of a permit. They are made once: what is signed is what is sent. */
export function encodePermit(permit: Permit): string {
	return JSON.stringify(permit);
}
