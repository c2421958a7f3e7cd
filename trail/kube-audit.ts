import type { Happening } from "../audit/recorder.ts";

/** What an audit event amounts to. */
export type Judged =
	| { readonly kind: "Ignored" }
	| { readonly kind: "Access"; readonly happening: Happening };

export function judgeEvent(_event: unknown): Judged {
	return { kind: "Ignored" };
}
