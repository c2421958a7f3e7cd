import { change, create, raise, stamp } from "./desk.ts";
import { definitions, deletion, namespaceLabel, status } from "./guard.ts";
import { bootMode, fence, labels, scaling } from "./pods.ts";
import { mutating, validating } from "./policy.ts";

type Json = { readonly [key: string]: unknown };

/**
 * Every admission policy with its bindings, ready to be rendered. Without `mutating` they suit clusters that do not
 * serve MutatingAdmissionPolicy: nothing stamps who raised, so the author of a change is known only where it is
 * signed, and no pod is told the mode, so Signal can never be more than Stop for new pods.
 */
export function admissionPolicies(options: { readonly mutating: boolean }): readonly Json[] {
	return [
		...[
			create,
			raise,
			change,
			deletion,
			status,
			namespaceLabel,
			definitions,
			fence(options),
			scaling(options),
			labels,
		].flatMap(validating),
		...(options.mutating ? [stamp, bootMode] : []).flatMap(mutating),
	];
}
