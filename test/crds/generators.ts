import fc from "fast-check";
import { getsMilder } from "../../core/targets.ts";
import { presetNames } from "../../crds/presets.ts";
import type { ResetRequest, TargetSpec, TradingSafetySpec } from "../../crds/spec.ts";
import type { TradingSafetyStatus } from "../../crds/status.ts";
import { columns, enforcements, modes, signalStates, type Verb } from "../../crds/vocabulary.ts";
import type { Labels } from "./desk.ts";

// Small alphabets: equal names, labels, ranks and reasons are where the edges are.

const verbsOfPeople = ["configure", "reset", "approve", "override"] as const satisfies readonly Verb[];

/** One user for each set of rights. */
export const users = Array.from({ length: 1 << verbsOfPeople.length }, (_, bits) => ({
	name: bits === 4 ? "constructor" : `user-${bits}`,
	verbs: verbsOfPeople.filter((_verb, bit) => (bits >> bit) % 2 === 1) as readonly Verb[],
}));
export type User = (typeof users)[number];

/** Anybody. */
export const user = fc.oneof(
	fc.constantFrom(...users),
	fc.constantFrom(...users.filter(({ verbs }) => verbs.includes("reset") && !verbs.includes("override"))),
);
/** A mode. */
export const mode = fc.constantFrom(...modes);
/** Whether a desk acts. */
export const enforcement = fc.constantFrom(...enforcements);
const targetName = fc.constantFrom("a", "b", "c", "constructor");
/** A reason: empty, stale, new, what was asked for, odd. */
export const reason = fc.constantFrom("", "old", "fresh", "asked", 'it\'s "odd" \u00e9\u{1f6d1}');
const tripId = fc.constantFrom("", "t1", "t2");
/** Sometimes missing. */
export const maybe = <T>(value: fc.Arbitrary<T>, missing = 1, present = 2): fc.Arbitrary<T | undefined> =>
	fc.oneof({ weight: missing, arbitrary: fc.constant(undefined) }, { weight: present, arbitrary: value });

const labelKey = fc.constantFrom("app", "app", "tier", "constructor");
const labelValue = fc.constantFrom("x", "x", "y", "");
/** Labels of a pod. */
export const labels: fc.Arbitrary<Labels> = fc
	.record({
		app: maybe(labelValue, 1, 4),
		tier: maybe(labelValue, 1, 2),
		constructor: maybe(labelValue, 3, 1),
	})
	.map((value) => present(value) as Labels);

const requirement = fc.oneof(
	fc.record({
		key: labelKey,
		operator: fc.constantFrom("In" as const, "NotIn" as const),
		values: fc.array(labelValue, { minLength: 1, maxLength: 3 }),
	}),
	fc.record({ key: labelKey, operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const) }),
);
const selector = fc
	.record({
		matchLabels: maybe(fc.dictionary(labelKey, labelValue, { maxKeys: 2, noNullPrototype: true })),
		matchExpressions: maybe(fc.array(requirement, { maxLength: 2 }), 2, 1),
	})
	.map(present)
	.filter((s) => Object.keys(s.matchLabels ?? {}).length + (s.matchExpressions ?? []).length > 0);
const action = fc.record({
	action: fc.constantFrom(
		"Run" as const,
		"Keep" as const,
		"Signal" as const,
		"Start" as const,
		"Stop" as const,
	),
});

const anyTarget = (name: string): fc.Arbitrary<TargetSpec> =>
	fc
		.record({
			preset: maybe(fc.constantFrom(...presetNames), 1, 6),
			selector,
			onPause: maybe(action, 5, 1),
			onReduce: maybe(action, 5, 1),
			onEmergency: maybe(action, 5, 1),
			signal: maybe(fc.constant({ http: { port: 8090 } }), 1, 1),
		})
		// Without preset a target has to say all by itself.
		.chain((t) =>
			t.preset !== undefined
				? fc.constant(t)
				: fc.record({ ...constants(t), onPause: action, onReduce: action, onEmergency: action }),
		)
		.map((t) => present({ ...t, name }) as TargetSpec);

const upToFour = (target: typeof anyTarget) =>
	fc
		.tuple(target("a"), target("b"), target("c"), target("constructor"), fc.nat({ max: 4 }))
		.map(([a, b, c, d, count]) => [a, b, c, d].slice(0, count));
/** Up to four targets that may stand in an object. */
export const targets = upToFour((name) => anyTarget(name).filter((target) => !getsMilder(target)));
/** Up to four targets, with action tables that policies refuse among them. */
export const anyTargets = upToFour(anyTarget);
/** Modes of single targets. */
export const targetModes = fc.dictionary(fc.constantFrom("a", "b", "gone"), mode, {
	maxKeys: 2,
	noNullPrototype: true,
});
/** A trip. */
export const trip = fc
	.record({ id: maybe(tripId), type: maybe(fc.constantFrom("Manual", "Loss"), 3, 1) })
	.map(present);

/** A request that mostly answers `spec`. */
export const request = (spec: TradingSafetySpec): fc.Arbitrary<ResetRequest> => {
	const mostly = <T>(right: T, wrong: fc.Arbitrary<T | undefined>) =>
		fc.oneof({ weight: 9, arbitrary: fc.constant<T | undefined>(right) }, { weight: 1, arbitrary: wrong });
	return fc
		.record({
			fromMode: mostly(spec.mode, maybe(mode)),
			tripId: mostly(spec.trip?.id, maybe(tripId)),
			toMode: mostly(spec.mode === "Emergency" ? "Pause" : "Normal", maybe(mode)),
			unfreeze: mostly(spec.freeze, maybe(fc.boolean())),
			targets: maybe(fc.uniqueArray(targetName, { maxLength: 3 })),
			reason: mostly("asked", maybe(reason)),
			requestedBy: maybe(
				user.map(({ name }) => name),
				1,
				9,
			),
			approvals: maybe(approvals),
		})
		.map((r) => present(r) as ResetRequest);
};
const approvals = fc
	.uniqueArray(user, { maxLength: 3 })
	.map((people) => Object.fromEntries(people.map(({ name }) => [name, {}])));

/** A spec without a request. */
export const plainSpec = fc
	.record({
		mode,
		reason: maybe(reason),
		setBy: maybe(fc.constantFrom("someone", "user-3")),
		freeze: fc.oneof(
			{ weight: 3, arbitrary: fc.constant(false) },
			{ weight: 1, arbitrary: fc.constant(true) },
		),
		trip: maybe(trip),
		targetModes: maybe(targetModes),
		targets: maybe(targets, 1, 5),
		reset: maybe(fc.record({ approvals: maybe(fc.nat({ max: 2 })) }).map(present)),
		enforcement: maybe(enforcement, 4, 2),
	})
	.map((s) => present(s) as TradingSafetySpec);

/** A spec as somebody may send it at creation. */
export const spec = plainSpec.chain((s) =>
	maybe(request(s), 5, 1).map((resetRequest) => present({ ...s, resetRequest }) as TradingSafetySpec),
);

/** A spec that stands, often with a request that answers it. */
export const standingSpec = plainSpec.chain((s) =>
	maybe(request(s), 1, 2).map((resetRequest) => present({ ...s, resetRequest }) as TradingSafetySpec),
);

const clearance = fc
	.record({
		generation: maybe(fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 1, 0, 2), 1, 9),
		toMode: maybe(
			fc.constantFrom("Normal" as const, "Normal" as const, "Pause" as const, "Emergency" as const),
			1,
			9,
		),
	})
	.map(present);

/** What a leader and replicas may have written. */
export const status: fc.Arbitrary<TradingSafetyStatus> = fc
	.record({
		wasNormal: maybe(fc.boolean()),
		clearance: maybe(clearance, 1, 9),
		targets: maybe(
			fc.uniqueArray(
				fc
					.record({
						name: targetName,
						fencedAs: maybe(fc.constantFrom(...columns), 1, 1),
						startAllowed: maybe(fc.boolean()),
						signalled: maybe(fc.constantFrom("Admit" as const, ...signalStates), 1, 5),
					})
					.map((t) => present(t) as { name: string }),
				{ maxLength: 4, selector: ({ name }) => name },
			),
		),
	})
	.map((s) => present(s) as TradingSafetyStatus);

/** A desk whose lowering was asked for, approved and cleared, with at most one thing wrong. */
export const nearlyOpen: fc.Arbitrary<readonly [TradingSafetySpec, TradingSafetyStatus]> = fc
	.record({
		mode: fc.constantFrom("Pause" as const, "Reduce" as const, "Emergency" as const),
		freeze: fc.constantFrom(true, false, false),
		trip: maybe(trip),
		targetModes: fc.dictionary(fc.constantFrom("a", "b"), mode, { maxKeys: 2, noNullPrototype: true }),
		need: fc.nat({ max: 2 }),
		wrong: fc.constantFrom(
			"nothing",
			"tripId",
			"fromMode",
			"reason",
			"unfreeze",
			"targets",
			"approvals",
			"generation",
			"toMode",
		),
	})
	.map(({ mode, freeze, trip, targetModes, need, wrong }) => {
		const toMode = freeze ? mode : mode === "Emergency" ? "Pause" : "Normal";
		const tripId = wrong === "tripId" ? "t9" : trip?.id;
		const approvers = ["user-1", "constructor"].slice(wrong === "approvals" ? 1 : 0).slice(0, need);
		const resetRequest: ResetRequest = {
			fromMode: wrong === "fromMode" ? "Normal" : mode,
			...(tripId !== undefined && { tripId }),
			toMode,
			unfreeze: wrong !== "unfreeze",
			targets: wrong === "targets" ? ["b"] : ["a", "b"],
			reason: wrong === "reason" ? "other" : "asked",
			requestedBy: "user-2",
			approvals: Object.fromEntries(approvers.map((name) => [name, {}])),
		};
		const clearance = {
			generation: wrong === "generation" ? 2 : 1,
			toMode: wrong === "toMode" ? ("Emergency" as const) : ("Normal" as const),
		};
		const spec = {
			mode,
			freeze,
			...(trip && { trip }),
			targetModes,
			reset: { approvals: need },
			resetRequest,
		};
		return [spec as TradingSafetySpec, { clearance }] as const;
	});

function constants<T extends object>(value: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
	return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, fc.constant(v)])) as {
		[K in keyof T]: fc.Arbitrary<T[K]>;
	};
}

/** Without the fields that are undefined: they are not sent. */
export function present<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
	return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
		[K in keyof T]?: Exclude<T[K], undefined>;
	};
}
