import { enforceLabel, observeValue, probeLabel } from "../crds/vocabulary.ts";
import { asEnforced, observes } from "./enforcement.ts";
import { rank } from "./modes.ts";
import type { Labels } from "./selector.ts";
import { type DeskView, targetStates, targetsOf } from "./targets.ts";

/** Why a new pod is denied. */
export type Denial = {
	readonly allowed: false;
	readonly why: "Probe" | "Halted" | "NotSelected";
	readonly target?: string;
};

/** The verdict on a new pod; `warned` where it passes only because the namespace is observed. */
export type Verdict = { readonly allowed: true; readonly warned?: Denial } | Denial;

/** True for a value of the enforce label with which pods are denied. */
export function fences(labelValue: string | undefined): boolean {
	return labelValue !== undefined && labelValue !== observeValue;
}

/**
 * What the fence says to a new pod with these labels. The same decision as the policies `tradingsafety-fence`
 * and `tradingsafety-fence-observe` take in CEL; a test holds them together. `stamping`: new pods are told the mode.
 */
export function judgePod(
	desk: DeskView,
	labels: Labels,
	namespaceLabels: Labels = { [enforceLabel]: "targets" },
	stamping = true,
): Verdict {
	if (namespaceLabels[enforceLabel] !== observeValue) return judge(desk, labels, namespaceLabels, stamping);
	const verdict = judge(asEnforced(desk), labels, namespaceLabels, stamping);
	return verdict.allowed ? verdict : { allowed: true, warned: verdict };
}

function judge(desk: DeskView, labels: Labels, namespaceLabels: Labels, stamping: boolean): Verdict {
	if (Object.hasOwn(labels, probeLabel)) return { allowed: false, why: "Probe" };
	const mine = targetsOf(targetStates(desk), labels);
	const denying = mine.find((state) => !state.admits || (!stamping && state.action === "Signal"));
	if (denying !== undefined) return { allowed: false, why: "Halted", target: denying.spec.name };
	if (mine.length === 0 && namespaceLabels[enforceLabel] === "strict" && !observes(desk.spec)) {
		return { allowed: false, why: "NotSelected" };
	}
	return { allowed: true };
}

/**
 * The mode that a new pod with these labels is told at its start; undefined when no target selects it, or desk or
 * namespace are only observed.
 */
export function bootMode(
	desk: DeskView,
	labels: Labels,
	namespaceLabels: Labels = { [enforceLabel]: "targets" },
): string | undefined {
	if (observes(desk.spec) || !fences(namespaceLabels[enforceLabel])) return undefined;
	const mine = targetsOf(targetStates(desk), labels);
	if (mine.length === 0) return undefined;
	const columns = mine.flatMap((state) => [state.wanted, ...(state.held === undefined ? [] : [state.held])]);
	const severest = columns.reduce((a, b) => (rank(a) >= rank(b) ? a : b));
	return severest === "Freeze" ? "Emergency" : severest;
}
