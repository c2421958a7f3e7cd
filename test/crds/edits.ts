import fc from "fast-check";
import type { ResetRequest, TradingSafetySpec } from "../../crds/spec.ts";
import {
	anyTargets,
	enforcement,
	maybe,
	mode,
	plainSpec,
	present,
	reason,
	request,
	targetModes,
	trip,
	user,
	users,
} from "./generators.ts";

/** One thing that a patch does to a spec. */
export type Edit =
	| { readonly kind: "Set"; readonly fields: Partial<TradingSafetySpec> }
	| { readonly kind: "Drop"; readonly field: keyof TradingSafetySpec }
	| { readonly kind: "TargetMode"; readonly name: string; readonly mode: string | undefined }
	| { readonly kind: "Reorder" }
	| { readonly kind: "Twin" }
	| { readonly kind: "CarryOut"; readonly keepRequest: boolean }
	| { readonly kind: "Ask"; readonly request: ResetRequest; readonly asSelf: boolean }
	| { readonly kind: "ChangeRequest"; readonly fields: Partial<ResetRequest> }
	| { readonly kind: "Approve"; readonly other: string | undefined; readonly note: string | undefined }
	| { readonly kind: "Unapprove"; readonly other: string | undefined }
	| { readonly kind: "ClaimSetBy"; readonly name: string | undefined };

const otherName = maybe(
	user.map(({ name }) => name),
	3,
	1,
);
const set = (fields: fc.Arbitrary<Partial<TradingSafetySpec>>) =>
	fields.map((value): Edit => ({ kind: "Set", fields: value }));
const freeField = fc.constantFrom(
	"trip",
	"targetModes",
	"resetRequest",
	"reason",
	"mode",
	"freeze",
	"targets",
	"reset",
	"setBy",
	"enforcement",
);

const edit: fc.Arbitrary<Edit> = fc.oneof(
	{ weight: 6, arbitrary: set(fc.record({ mode })) },
	{ weight: 6, arbitrary: set(fc.record({ mode, reason: fc.constantFrom("fresh", "asked") })) },
	{ weight: 2, arbitrary: set(fc.record({ reason })) },
	{ weight: 3, arbitrary: set(fc.record({ freeze: fc.boolean() })) },
	{ weight: 2, arbitrary: set(fc.record({ trip })) },
	{ weight: 4, arbitrary: set(fc.record({ enforcement })) },
	{ weight: 2, arbitrary: set(fc.record({ targetModes })) },
	{ weight: 2, arbitrary: set(fc.record({ targets: anyTargets })) },
	{ weight: 1, arbitrary: set(fc.record({ reset: fc.record({ approvals: fc.nat({ max: 2 }) }) })) },
	{
		weight: 3,
		arbitrary: freeField.map((field): Edit => ({ kind: "Drop", field: field as keyof TradingSafetySpec })),
	},
	{
		weight: 3,
		arbitrary: fc
			.tuple(fc.constantFrom("a", "b", "nobody"), maybe(mode))
			.map(([name, to]): Edit => ({ kind: "TargetMode", name, mode: to })),
	},
	{ weight: 1, arbitrary: fc.constant<Edit>({ kind: "Reorder" }) },
	{ weight: 1, arbitrary: fc.constant<Edit>({ kind: "Twin" }) },
	{
		weight: 10,
		arbitrary: fc
			.constantFrom(true, false, false, false)
			.map((keepRequest): Edit => ({ kind: "CarryOut", keepRequest })),
	},
	{
		weight: 3,
		arbitrary: fc
			.tuple(plainSpec.chain(request), fc.boolean())
			.map(([r, asSelf]): Edit => ({ kind: "Ask", request: r, asSelf })),
	},
	{
		weight: 2,
		arbitrary: fc
			.record({ reason: fc.constantFrom("asked", "other"), toMode: mode })
			.map((fields): Edit => ({ kind: "ChangeRequest", fields })),
	},
	{
		weight: 4,
		arbitrary: fc
			.tuple(otherName, maybe(fc.constant("seen")))
			.map(([other, note]): Edit => ({ kind: "Approve", other, note })),
	},
	{ weight: 2, arbitrary: otherName.map((other): Edit => ({ kind: "Unapprove", other })) },
	{ weight: 1, arbitrary: otherName.map((name): Edit => ({ kind: "ClaimSetBy", name })) },
);

/** Who changes what, and how. */
export const attempt = fc.record({
	user,
	edits: fc.oneof({ weight: 3, arbitrary: fc.tuple(edit) }, { weight: 1, arbitrary: fc.tuple(edit, edit) }),
});

const carryOut: Edit = { kind: "CarryOut", keepRequest: false };
const asAsked: Edit = { kind: "Set", fields: { reason: "asked" } };

/** Somebody who may lower carries out what was asked, or a little more or less. */
export const lowering = fc.record({
	user: fc.constantFrom(
		...users.filter(({ verbs }) => verbs.includes("reset") && !verbs.includes("override")),
	),
	edits: fc.oneof(
		fc.constant<readonly Edit[]>([carryOut]),
		fc.constant<readonly Edit[]>([carryOut, asAsked]),
		mode.map((to): readonly Edit[] => [carryOut, asAsked, { kind: "Set", fields: { mode: to } }]),
		fc.constant<readonly Edit[]>([{ kind: "Set", fields: { freeze: false } }, carryOut, asAsked]),
		fc
			.constantFrom("a", "b")
			.map((name): readonly Edit[] => [{ kind: "TargetMode", name, mode: undefined }, carryOut, asAsked]),
	),
});

/** The spec after an edit by `self`. */
export function edited(before: TradingSafetySpec, change: Edit, self: string): TradingSafetySpec {
	const asked = before.resetRequest;
	switch (change.kind) {
		case "Set":
			return { ...before, ...change.fields };
		case "Drop":
			return without(before, change.field);
		case "TargetMode":
			return {
				...before,
				reason: "fresh",
				targetModes: present({ ...before.targetModes, [change.name]: change.mode }) as Record<
					string,
					"Pause"
				>,
			};
		case "Reorder":
			return { ...before, targets: (before.targets ?? []).toReversed() };
		case "Twin": {
			const [first, ...rest] = before.targets ?? [];
			return first === undefined
				? before
				: { ...before, targets: [first, { ...first, name: "twin" }, ...rest] };
		}
		case "CarryOut": {
			const lowered = change.keepRequest ? before : without(before, "resetRequest");
			const stay = Object.entries(before.targetModes ?? {}).filter(
				([name]) => !asked?.targets?.includes(name),
			);
			return {
				...lowered,
				setBy: self,
				reason: asked?.reason ?? "fresh",
				mode:
					asked === undefined
						? before.mode === "Emergency"
							? "Pause"
							: "Normal"
						: (asked.toMode ?? before.mode ?? "Pause"),
				...(asked?.unfreeze === true && { freeze: false }),
				...(before.targetModes !== undefined && { targetModes: Object.fromEntries(stay) }),
			};
		}
		case "Ask": {
			const answers = {
				...without(change.request, "approvals"),
				...(before.mode && { fromMode: before.mode }),
				requestedBy: self,
			};
			const right =
				before.trip?.id === undefined ? without(answers, "tripId") : { ...answers, tripId: before.trip.id };
			return { ...before, resetRequest: change.asSelf ? right : change.request };
		}
		case "ChangeRequest":
			return { ...before, resetRequest: { ...asked, ...change.fields } };
		case "Approve":
			return {
				...before,
				resetRequest: {
					...asked,
					approvals: { ...asked?.approvals, [change.other ?? self]: present({ note: change.note }) },
				},
			};
		case "Unapprove":
			return {
				...before,
				resetRequest: { ...asked, approvals: without(asked?.approvals ?? {}, change.other ?? self) },
			};
		case "ClaimSetBy":
			return { ...before, setBy: change.name ?? self };
	}
}

function without<T extends object, K extends keyof T>(value: T, field: K): T {
	const { [field]: _dropped, ...rest } = value;
	return rest as T;
}
