import type { Person } from "../people.ts";
import { readDesk } from "./reads.ts";
import type { WalkContext } from "./walk.ts";

/** A patch of spec that must be refused, and a part of the words of the refusal. */
export type Refusal = {
	readonly what: string;
	readonly by: Person;
	readonly spec: object;
	readonly says: string;
};

/** Refused by the API server while it is not cleared yet: directly after a raise, with pods still running. */
export const beforeClearance: Refusal = {
	what: "lowering before the halt is confirmed",
	by: "lee-resets",
	spec: { mode: "Normal", reason: "too early" },
	says: "not cleared",
};

/** Refused even when cleared. */
export const fromEmergency: readonly Refusal[] = [
	{
		what: "lowering without the right to reset",
		by: "rita-raises",
		spec: { mode: "Pause", reason: "I would like to" },
		says: "reset",
	},
	{
		what: "lowering without a fresh reason",
		by: "lee-resets",
		spec: { mode: "Pause" },
		says: "fresh reason",
	},
	{
		what: "lowering from Emergency to Normal in one step",
		by: "lee-resets",
		spec: { mode: "Normal", reason: "all at once" },
		says: "in one step",
	},
];

/** Tries a patch that must be refused, and looks that nothing came of it. */
export async function checkRefusal(context: WalkContext, step: string, refusal: Refusal): Promise<void> {
	const { demo } = context;
	const before = await readDesk(demo);
	const refused = await demo.cast.patch(refusal.by, refusal.spec);
	const after = await readDesk(demo);
	const unmoved = after.metadata.generation === before.metadata.generation;
	context.checks.note(
		`${step}: ${refusal.what} is denied (as ${refusal.by})`,
		refused?.includes(refusal.says) === true && unmoved
			? { good: true }
			: {
					good: false,
					expected: `a refusal that says "${refusal.says}", and the desk as it was`,
					seen: refused ?? `the patch accepted, ${after.spec.mode}`,
				},
	);
}
