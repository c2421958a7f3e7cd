import { enforceLabel, probeLabel } from "../crds/vocabulary.ts";
import { rank } from "./modes.ts";
import type { Labels } from "./selector.ts";
import { type DeskView, targetStates, targetsOf } from "./targets.ts";

/** The verdict on a new pod. */
export type Verdict =
	| { readonly allowed: true }
	| { readonly allowed: false; readonly why: "Probe" | "Halted" | "NotSelected"; readonly target?: string };

/**
 * What the fence says to a new pod with these labels. The same decision as the policy `tradingsafety-fence`
 * takes in CEL; a test holds the two together.
 */
export function judgePod(
	desk: DeskView,
	labels: Labels,
	namespaceLabels: Labels = { [enforceLabel]: "targets" },
): Verdict {
	if (Object.hasOwn(labels, probeLabel)) return { allowed: false, why: "Probe" };
	const mine = targetsOf(targetStates(desk), labels);
	const denying = mine.find((state) => !state.admits);
	if (denying !== undefined) return { allowed: false, why: "Halted", target: denying.spec.name };
	if (mine.length === 0 && namespaceLabels[enforceLabel] === "strict") {
		return { allowed: false, why: "NotSelected" };
	}
	return { allowed: true };
}

/** The mode that a new pod with these labels is told at its start; undefined when no target selects it. */
export function bootMode(desk: DeskView, labels: Labels): string | undefined {
	const mine = targetsOf(targetStates(desk), labels);
	if (mine.length === 0) return undefined;
	const columns = mine.flatMap((state) => [state.wanted, ...(state.held === undefined ? [] : [state.held])]);
	const severest = columns.reduce((a, b) => (rank(a) >= rank(b) ? a : b));
	return severest === "Freeze" ? "Emergency" : severest;
}
