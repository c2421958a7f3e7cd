import { type KeyObject, randomUUID } from "node:crypto";
import { permitColumn } from "../core/signals.ts";
import type { TargetState } from "../core/targets.ts";
import type { TradingSafety } from "../crds/types.ts";
import type { Column } from "../crds/vocabulary.ts";
import { permitFor } from "../permits/issue.ts";
import { encodePermit } from "../permits/permit.ts";
import { signBody } from "../permits/signature.ts";
import type { Message } from "./gate-call.ts";

/** What messages are signed with, and when: milliseconds since 1970 by the API server's clock. */
export type Signing = { readonly keys: readonly KeyObject[]; readonly sentAt: number };

/** What takes away, the same for every pod of a target; undefined where nothing is to be taken away. */
export function raiseFor(object: TradingSafety, target: TargetState, signing: Signing): Message | undefined {
	const column = permitColumn(object, target, true);
	return column === "Normal" ? undefined : messageFor(object, target, column, signing);
}

/**
 * A permit for one pod; without its challenge it can only take away. Undefined without a key. What is started in this mode is
 * told no flattening: it closes while its permit lets it, so that there are never two.
 */
export function messageFor(
	object: TradingSafety,
	{ spec, action }: TargetState,
	column: Column,
	{ keys, sentAt }: Signing,
	challenge?: string,
): Message | undefined {
	if (keys.length === 0) return undefined;
	const permit = permitFor(object, spec, column, challenge);
	const { flatten: _, ...others } = permit.duties;
	const body = encodePermit(action === "Start" ? { ...permit, duties: others } : permit);
	return { body, headers: signBody(body, { id: `msg_${randomUUID()}`, sentAt }, keys) };
}
