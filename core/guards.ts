import type { TradingSafety } from "../crds/types.ts";
import type { Finding } from "./finding.ts";

/** The policies that must refuse the operator's own account, and what it tries of them by dry run. */
export const guards = {
	change: "changing the configuration without the right",
	status: "clearing without the right",
} as const;
/** Name of a guarding policy, without the project's prefix. */
export type Guard = keyof typeof guards;

/** What became of such a trial: refused by that policy, let through, or neither, and why. */
export type GuardTrial = {
	readonly guard: Guard;
	readonly result: "Refused" | "LetThrough" | { readonly unsure: string };
};

/** All trials of one time (RFC 3339). */
export type GuardProbe = { readonly at: string; readonly trials: readonly GuardTrial[] };

const staleMilliseconds = 60_000;

/** The patch that the guard must refuse to an account that has neither `configure` nor `clear`. */
export function forbiddenPatch(guard: Guard, { metadata, spec }: TradingSafety): object {
	switch (guard) {
		case "change":
			return { spec: { reset: { approvals: spec.reset?.approvals === 8 ? 7 : 8 } } };
		case "status":
			return {
				status: { clearance: { generation: metadata.generation ?? 0, toMode: "Normal", time: "never" } },
			};
	}
}

/** Do the policies that guard the way down still refuse? Nothing else shows that somebody removed them. */
export function guarded(desk: TradingSafety, now: string, probe: GuardProbe | undefined): Finding {
	if (probe === undefined) return notTriedYet(desk);
	const { at, trials } = probe;
	if (Date.parse(now) - Date.parse(at) > staleMilliseconds) {
		return of("Unknown", "NotTriedLately", `nothing was tried since ${at}`);
	}
	const open = trials.filter(({ result }) => result === "LetThrough").map(({ guard }) => guard);
	if (open.length > 0) {
		const said = open.map((guard) => `${guards[guard]} was let through: policy tradingsafety-${guard}`);
		return of(
			"False",
			"GuardOpen",
			`${said.join("; ")} or its binding is missing: apply crds/generated/ again`,
		);
	}
	const unsure = trials.flatMap(({ result }) => (typeof result === "object" ? [result.unsure] : []));
	if (unsure[0] !== undefined) return of("Unknown", "ProbeFailed", unsure[0]);
	const refused = trials.map(({ guard }) => guards[guard]).join(", ");
	return of("True", "ProbeDenied", `refused by dry run at ${at}: ${refused}`);
}

/** Another replica may have tried: this one has nothing better to say. */
function notTriedYet(desk: TradingSafety): Finding {
	const said = desk.status?.conditions?.find(({ type }) => type === "Guarded");
	return said === undefined
		? of("Unknown", "NotTriedYet", "nothing was tried yet")
		: of(said.status, said.reason, said.message);
}

function of(status: Finding["status"], reason: string, message: string): Finding {
	return { type: "Guarded", status, reason, message };
}
