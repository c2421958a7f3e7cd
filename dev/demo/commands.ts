import { mildestStep, modeOf } from "../../core/modes.ts";
import type { TradingSafety } from "../../crds/types.ts";
import type { Person } from "./people.ts";

/** One command that a person could try now. */
export type Suggestion = { readonly does: string; readonly command: string };

/** Name of a person as the API server knows them. */
export type UserOf = (person: Person) => string;

/** What to say once in another terminal, so that the other commands work there. */
export function preparation(kubeconfig: string, kubectl?: string): readonly string[] {
	const kubeconfigs = `export KUBECONFIG=${quote(kubeconfig)}`;
	return kubectl === undefined ? [kubeconfigs] : [kubeconfigs, `alias kubectl=${quote(kubectl)}`];
}

/** What people may try in the state that the desk is in now: each can be copied and pasted as it is. */
export function suggestions(desk: TradingSafety, user: UserOf): readonly Suggestion[] {
	const halted = modeOf(desk.spec.mode) !== "Normal" || desk.spec.freeze === true;
	const [up, down] = [raises(desk), lowerings(desk, user)];
	// A window may have room for the first only, and whoever halted wants to know the way back.
	return [...(halted ? [...down, ...up] : [...up, ...down]), ...looks()];
}

function raises({ spec }: TradingSafety): readonly Suggestion[] {
	const mode = modeOf(spec.mode);
	const to = mode === "Normal" ? (["Pause", "Emergency"] as const) : (["Emergency"] as const);
	const modes = to
		.filter((wanted) => wanted !== mode)
		.map((wanted) => ({
			does: `raise to ${wanted}: one person, no questions`,
			command: patch("rita-raises", { mode: wanted }),
		}));
	if (spec.freeze === true) return modes;
	return [
		...modes,
		{ does: "freeze: everything stops but risk monitoring", command: patch("rita-raises", { freeze: true }) },
	];
}

function lowerings({ spec }: TradingSafety, user: UserOf): readonly Suggestion[] {
	const mode = modeOf(spec.mode);
	if (mode === "Normal" && spec.freeze !== true) {
		return [
			{
				does: "let every lowering need a second person",
				command: patch("lee-resets", { reset: { approvals: 1 } }),
			},
		];
	}
	const toMode = spec.freeze === true ? mode : mildestStep(mode);
	const reason = spec.freeze === true ? "checked, the freeze may end" : `checked, back to ${toMode}`;
	const what = spec.freeze === true ? { freeze: false } : { mode: toMode };
	const request = {
		fromMode: mode,
		tripId: spec.trip?.id ?? "",
		toMode,
		...(spec.freeze === true && { unfreeze: true }),
		reason,
		requestedBy: user("lee-resets"),
	};
	const pending = spec.resetRequest !== undefined;
	const lower = {
		does:
			spec.freeze === true
				? "end the freeze"
				: `lower to ${toMode}: with authority, a reason, and a clearance`,
		command: patch("lee-resets", { ...what, reason, ...(pending && { resetRequest: null }) }),
	};
	const ask = {
		does: "ask for it first",
		command: patch("lee-resets", { resetRequest: request }),
	};
	const approve = {
		does: "approve what was asked for",
		command: patch("ann-approves", { resetRequest: { approvals: { [user("ann-approves")]: {} } } }),
	};
	const override = {
		does: "do so without a clearance: an override, which history shows",
		command: patch("otto-overrides", {
			...what,
			reason: "I answer for it",
			...(pending && { resetRequest: null }),
		}),
	};
	if (pending) return [approve, lower, override];
	return (spec.reset?.approvals ?? 0) > 0 ? [ask, override] : [lower, ask, override];
}

function looks(): readonly Suggestion[] {
	return [
		{ does: "look", command: kubectl("rita-raises", "get tsafe desk") },
		{ does: "look closely", command: kubectl("rita-raises", "describe tsafe desk") },
		{ does: "see the pods", command: kubectl("rita-raises", "get pods") },
	];
}

function patch(person: Person, spec: object): string {
	return kubectl(person, `patch tsafe desk --type merge -p ${quote(JSON.stringify({ spec }))}`);
}

function kubectl(person: Person, rest: string): string {
	return `kubectl --context ${person} ${rest}`;
}

/** As one word for a POSIX shell. */
function quote(text: string): string {
	return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
