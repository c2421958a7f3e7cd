import { change, create, raise, stamp } from "./desk.ts";
import { definitions, deletion, namespaceLabel, status } from "./guard.ts";
import { bootMode, fence, labels, scaling } from "./pods.ts";
import { mutating, validating } from "./policy.ts";

type Json = { readonly [key: string]: unknown };

/** Every admission policy with its bindings, ready to be rendered. */
export function admissionPolicies(): readonly Json[] {
	return [
		...[create, raise, change, deletion, status, namespaceLabel, definitions, fence, scaling, labels].flatMap(
			validating,
		),
		...[stamp, bootMode].flatMap(mutating),
	];
}
